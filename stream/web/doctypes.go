package web

// documentType returns the content type of everything that is neither sound nor film nor pixels, and "" for what it does not
// know.
func documentType(ext string) string {
	switch ext {
	case "txt", "text", "log", "nfo", "diz", "md", "markdown", "rst", "ini", "cfg", "conf", "cue", "pls", "sfv", "md5", "sha1",
		"sha256", "asc", "lrc", "csv", "tsv", "tex", "yaml", "yml", "toml",
		// Code to read, not to run.
		"js", "mjs", "cjs", "css", "xml", "xhtml", "xht", "xsl", "xslt", "rss", "atom", "opml", "mhtml", "mht", "jsx", "tsx", "c", "h",
		"cc", "cpp", "hpp", "go", "rs", "py", "rb", "java", "kt", "php", "pl", "lua", "sh", "bash", "bat", "cmd", "ps1", "sql", "diff",
		"patch", "vbs", "hta":
		return "text/plain; charset=utf-8"
	case "html", "htm":
		return "text/html; charset=utf-8"
	case "svg":
		return "image/svg+xml"
	case "json", "map", "geojson":
		return "application/json"
	case "vtt":
		return "text/vtt; charset=utf-8"
	case "srt":
		return "application/x-subrip"
	case "ass", "ssa":
		return "text/x-ssa; charset=utf-8"
	case "ttml", "dfxp":
		return "application/ttml+xml"
	case "sub", "idx", "sup", "smi":
		return "application/octet-stream"
	case "m3u":
		return "audio/x-mpegurl"
	case "m3u8":
		return "application/vnd.apple.mpegurl"
	case "mpd":
		return "application/dash+xml"
	case "pdf":
		return "application/pdf"
	case "epub":
		return "application/epub+zip"
	case "mobi", "prc":
		return "application/x-mobipocket-ebook"
	case "azw", "azw3", "kfx":
		return "application/vnd.amazon.ebook"
	case "fb2":
		return "application/x-fictionbook+xml"
	case "djvu", "djv":
		return "image/vnd.djvu"
	case "ps", "eps", "ai":
		return "application/postscript"
	case "rtf":
		return "application/rtf"
	case "psd":
		return "image/vnd.adobe.photoshop"
	}
	if t := officeType(ext); t != "" {
		return t
	}
	return archiveType(ext)
}

func officeType(ext string) string {
	const ms, oasis = "application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument."
	switch ext {
	case "doc", "dot":
		return "application/msword"
	case "docx":
		return ms + "wordprocessingml.document"
	case "xls":
		return "application/vnd.ms-excel"
	case "xlsx":
		return ms + "spreadsheetml.sheet"
	case "ppt", "pps":
		return "application/vnd.ms-powerpoint"
	case "pptx":
		return ms + "presentationml.presentation"
	case "ppsx":
		return ms + "presentationml.slideshow"
	case "odt":
		return oasis + "text"
	case "ods":
		return oasis + "spreadsheet"
	case "odp":
		return oasis + "presentation"
	case "odg":
		return oasis + "graphics"
	}
	return ""
}

func archiveType(ext string) string {
	switch ext {
	case "zip":
		return "application/zip"
	case "cbz":
		return "application/vnd.comicbook+zip"
	case "rar":
		return "application/vnd.rar"
	case "cbr":
		return "application/vnd.comicbook-rar"
	case "7z", "cb7":
		return "application/x-7z-compressed"
	case "tar", "cbt":
		return "application/x-tar"
	case "gz", "tgz", "svgz":
		return "application/gzip"
	case "bz2", "tbz", "tbz2":
		return "application/x-bzip2"
	case "xz", "txz":
		return "application/x-xz"
	case "zst", "tzst":
		return "application/zstd"
	case "lz4":
		return "application/x-lz4"
	case "lzma":
		return "application/x-lzma"
	case "br":
		return "application/x-brotli"
	case "iso":
		return "application/vnd.efi.iso"
	case "dmg":
		return "application/x-apple-diskimage"
	case "cab":
		return "application/vnd.ms-cab-compressed"
	case "deb":
		return "application/vnd.debian.binary-package"
	case "rpm":
		return "application/x-rpm"
	case "apk":
		return "application/vnd.android.package-archive"
	case "jar":
		return "application/java-archive"
	case "torrent":
		return "application/x-bittorrent"
	case "woff":
		return "font/woff"
	case "woff2":
		return "font/woff2"
	case "ttf":
		return "font/ttf"
	case "otf":
		return "font/otf"
	}
	return ""
}
