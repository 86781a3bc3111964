package assets

import (
	"fmt"
	"html/template"
	"io"
)

// A PlayPage is the page of the command play: a player for one file, or a list. It is sent in parts: Head, Progress as often as there
// is something to say, and Rest or Failed.
type PlayPage struct {
	Language // that it is in
	Title    string
	Folders  []PlayLink // from the root to the folder that is listed, or that the file is in

	File           *PlayEntry // nil: it is a list
	Missing        bool       // not all of the file is here
	Subtitles      []PlayLink
	Before, Behind *PlayLink // files of the same kind beside it

	Entries  []PlayEntry
	More     int    // entries that are left out
	Playlist string // URL; "": there is nothing to play

	Failure PlayFailure
	told    string // the last that was said of the search; "": nothing
}

// A PlayFailure is why a page has nothing to show, and what can be done.
type PlayFailure struct {
	Sentence string
	Again    bool   // it may go better the next time
	List     string // URL of what there is; "": nothing
}

// A PlayLink is a place to go to.
type PlayLink struct{ Name, URL string }

// A PlayEntry is a file or a folder.
type PlayEntry struct {
	PlayLink        // of its page
	Kind     string // folder, archive, video, audio, image or other
	Shown    string // by browsers: always, sometimes or never
	Size     string // for people
	Files    int    // in a folder
	Save     string // URL of its bytes
	Picture  string // URL of what is shown of it; "": nothing
}

// Style is the style sheet, for the template.
func (p *PlayPage) Style() template.CSS { return style() }

// Head writes what is known from the start.
func (p *PlayPage) Head(w io.Writer) error { return p.part(w, "head", p) }

// Progress writes a line that hides the one before. What has been said already is not said again, or a screen reader would read it
// aloud each time; then a comment keeps the connection.
func (p *PlayPage) Progress(w io.Writer, text string) error {
	if text == p.told {
		_, err := io.WriteString(w, "<!-- -->\n")
		return err
	}
	if p.told == "" {
		if err := p.part(w, "waiting", nil); err != nil {
			return err
		}
	}
	p.told = text
	return p.part(w, "progress", text)
}

// Failed ends the page with why there is nothing.
func (p *PlayPage) Failed(w io.Writer) error { return p.last(w, "failed") }

// Rest writes the player or the list.
func (p *PlayPage) Rest(w io.Writer) error { return p.last(w, "rest") }

func (p *PlayPage) last(w io.Writer, name string) error {
	if p.told != "" {
		if err := p.part(w, "waited", nil); err != nil {
			return err
		}
	}
	return p.part(w, name, p)
}

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
