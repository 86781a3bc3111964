package web

// A contentType is what we tell clients about a file. It comes from the file's extension alone: what a torrent says about its
// files is anybody's word, and a guess from the first bytes would fetch them for every seek. Where there is no name at all, the guess
// is which extension it would have, see ending.
type contentType struct {
	mime string
	kind kind
}

type kind int

const (
	document kind = iota // whatever could act if it were let
	audio
	video
	image // of pixels
)

// harmless reports whether the type holds nothing that a browser would run.
func (t contentType) harmless() bool { return t.kind != document }

// isMedia reports whether a file of that path is video or audio.
func isMedia(path string) bool {
	k := typeOf(path).kind
	return k == video || k == audio
}

// typeOf returns the content type of a file of that path. Code and style sheets are plain text, so that nosniff keeps them from
// being run (https://fetch.spec.whatwg.org/#x-content-type-options-header). Media are never plain text: Chromium would not play
// them.
func typeOf(name string) contentType {
	ext := extension(name)
	if mime := videoType(ext); mime != "" {
		return contentType{mime, video}
	}
	if mime := audioType(ext); mime != "" {
		return contentType{mime, audio}
	}
	if mime := imageType(ext); mime != "" {
		return contentType{mime, image}
	}
	if mime := documentType(ext); mime != "" {
		return contentType{mime, document}
	}
	return contentType{"application/octet-stream", document}
}

func videoType(ext string) string {
	switch ext {
	case "mp4", "m4v", "mp4v":
		return "video/mp4"
	case "webm":
		return "video/webm"
	case "mkv", "mk3d":
		return "video/matroska"
	case "mov", "qt":
		return "video/quicktime"
	case "ogv", "ogm":
		return "video/ogg"
	case "avi", "divx":
		return "video/x-msvideo"
	case "mpg", "mpeg", "mpe", "m1v", "m2v", "vob":
		return "video/mpeg"
	case "ts", "m2ts", "mts", "m2t":
		return "video/mp2t"
	case "flv", "f4v":
		return "video/x-flv"
	case "wmv":
		return "video/x-ms-wmv"
	case "asf":
		return "video/x-ms-asf"
	case "3gp":
		return "video/3gpp"
	case "3g2":
		return "video/3gpp2"
	case "rm", "rmvb":
		return "application/vnd.rn-realmedia"
	}
	return ""
}

func audioType(ext string) string {
	switch ext {
	case "mp3":
		return "audio/mpeg"
	case "mp2", "mpa":
		return "audio/mpeg"
	case "m4a", "m4b", "m4r":
		return "audio/mp4"
	case "aac":
		return "audio/aac"
	case "ogg", "oga", "opus", "spx":
		return "audio/ogg"
	case "flac":
		return "audio/flac"
	case "wav", "wave":
		return "audio/wav"
	case "weba":
		return "audio/webm"
	case "mka":
		return "audio/matroska"
	case "aif", "aiff", "aifc":
		return "audio/aiff"
	case "wma":
		return "audio/x-ms-wma"
	case "ape":
		return "audio/x-ape"
	case "wv":
		return "audio/x-wavpack"
	case "mpc":
		return "audio/x-musepack"
	case "tta":
		return "audio/x-tta"
	case "ac3":
		return "audio/ac3"
	case "eac3":
		return "audio/eac3"
	case "dts":
		return "audio/vnd.dts"
	case "amr":
		return "audio/amr"
	case "mid", "midi":
		return "audio/midi"
	case "au", "snd":
		return "audio/basic"
	case "caf":
		return "audio/x-caf"
	case "dsf", "dff":
		return "audio/x-dsd"
	}
	return ""
}

func imageType(ext string) string {
	switch ext {
	case "jpg", "jpeg", "jpe", "jfif":
		return "image/jpeg"
	case "png":
		return "image/png"
	case "apng":
		return "image/apng"
	case "gif":
		return "image/gif"
	case "webp":
		return "image/webp"
	case "avif":
		return "image/avif"
	case "heic":
		return "image/heic"
	case "heif":
		return "image/heif"
	case "jxl":
		return "image/jxl"
	case "bmp", "dib":
		return "image/bmp"
	case "ico", "cur":
		return "image/x-icon"
	case "tif", "tiff":
		return "image/tiff"
	case "jp2":
		return "image/jp2"
	}
	return ""
}
