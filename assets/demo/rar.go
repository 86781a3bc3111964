//go:build ignore

// Rar packs files into the volumes of a stored RAR archive beside them: go run rar.go content/pictures/*.jpg. There is no free
// program that writes RAR, so the writer of our own tests does.
package main

import (
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/zeronetscript/universal_p2p/archive/rar/rartest"
)

// volumeSize is small, in bytes, so that even these pictures lie across volumes.
const volumeSize = 40_000

func main() {
	var files []rartest.File
	for _, path := range os.Args[1:] {
		data, err := os.ReadFile(path)
		if err != nil {
			log.Fatal(err)
		}
		files = append(files, rartest.File{Name: filepath.Base(path), Data: data, ModTime: time.Unix(1767225600, 0)})
	}
	volumes, err := rartest.Make(rartest.Options{Name: "pictures", Volume: volumeSize}, files...)
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range volumes {
		if err := os.WriteFile(filepath.Join("content", v.Name), v.Bytes(), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
