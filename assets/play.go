package assets

import (
	"fmt"
	"html/template"
	"io"
)

// A PlayPage is the page of the command play: a player for one file, or a list. It is sent in parts: Head, Progress as often as there
// is something to say, and Rest or Failed.
type PlayPage struct {
	Title   string
	Folders []PlayLink // from the root to the folder that is listed, or that the file is in

	File           *PlayEntry // nil: it is a list
	Subtitles      []PlayLink
	Before, Behind *PlayLink // files of the same kind beside it

	Entries  []PlayEntry
	More     int    // entries that are left out
	Playlist string // URL; "": there is nothing to play
}

// A PlayLink is a place to go to.
type PlayLink struct{ Name, URL string }

// A PlayEntry is a file or a folder.
type PlayEntry struct {
	PlayLink        // of its page
	Kind     string // folder, archive, video, audio, image or other
	Size     string // for people
	Files    int    // in a folder
	Save     string // URL of its bytes
	Picture  string // URL of what is shown of it; "": nothing
}

// Style is the style sheet, for the template.
func (p *PlayPage) Style() template.CSS { return style() }

// Head writes what is known from the start.
func (p *PlayPage) Head(w io.Writer) error { return p.part(w, "head", p) }

// Progress writes a line that hides the one before.
func (p *PlayPage) Progress(w io.Writer, text string) error { return p.part(w, "progress", text) }

// Failed ends the page with a sentence that says what to do.
func (p *PlayPage) Failed(w io.Writer, sentence string) error { return p.part(w, "failed", sentence) }

// Rest writes the player or the list.
func (p *PlayPage) Rest(w io.Writer) error { return p.part(w, "rest", p) }

func (p *PlayPage) part(w io.Writer, name string, data any) error {
	t, err := template.ParseFS(pages, "page/play.html")
	if err == nil {
		err = t.ExecuteTemplate(w, name, data)
	}
	if err != nil {
		return fmt.Errorf("page play.html: %w", err)
	}
	return nil
}
