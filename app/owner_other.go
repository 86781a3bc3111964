//go:build !unix

package app

import (
	"io/fs"
	"os"
)

// ourAlone is true: the folder for temporary files is the user's own.
func ourAlone(fs.FileInfo) bool { return true }

// sameOwner does nothing: a file inherits who may do what with it from its folder.
func sameOwner(*os.File, fs.FileInfo) bool { return true }
