package web

// showing is what browsers make of a file.
type showing int

const (
	showsAlways    showing = iota // every browser shows it, or it is nothing to be shown
	showsSometimes                // some do, or it depends on what is inside
	showsNever
)

func (s showing) String() string { return [...]string{"always", "sometimes", "never"}[s] }

// isShown reports whether the player page has something on it that plays or shows a file of that path.
func isShown(path string) bool {
	k := kindOf(path)
	return k == viewVideo || k == viewAudio || k == viewImage
}

// shown says by its extension what browsers make of a file (https://developer.mozilla.org/docs/Web/Media/Guides/Formats). What is
// in a container cannot be told from its name: in mp4 and webm it is nearly always what browsers know.
func shown(name string) showing {
	if !isShown(name) {
		return showsAlways
	}
	switch extension(name) {
	case "mp4", "m4v", "mp4v", "webm",
		"mp3", "m4a", "m4b", "m4r", "aac", "ogg", "oga", "opus", "flac", "wav", "wave", "weba",
		"jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "avif", "bmp", "dib", "ico", "cur", "svg", "svgz":
		return showsAlways
	case "avi", "divx", "mpg", "mpeg", "mpe", "m1v", "m2v", "vob", "ts", "m2ts", "mts", "m2t", "flv", "f4v", "wmv", "asf", "rm", "rmvb",
		"wma", "ape", "wv", "mpc", "tta", "ac3", "eac3", "dts", "amr", "mid", "midi", "au", "snd", "dsf", "dff":
		return showsNever
	}
	return showsSometimes
}
