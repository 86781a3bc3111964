//go:build !windows && !darwin

package tray

func languages(getenv func(string) string) []string { return posixLanguages(getenv) }
