package tray

import "golang.org/x/sys/windows"

// languages returns the languages in which Windows itself speaks to the user, or what POSIX variables say, as in a shell.
func languages(getenv func(string) string) []string {
	tags, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil {
		tags = nil
	}
	return append(posixLanguages(getenv), tags...)
}
