package web

import (
	"net/http"
	"strings"
)

// maxExpired bounds what an answer says of cookies, in bytes: browsers refuse one with a header of 256 KiB. It is enough for the
// cookies that sites have; of hundreds with long names, those that do not fit go with the next answers.
const maxExpired = 64 << 10

// expireCookies has the browser forget the cookies that r came with to a website, if they are for more hosts than that. Firefox takes
// the Clear-Site-Data of a host for its own cookies alone (measured with 153; https://www.w3.org/TR/clear-site-data/ means all of the
// domain), and scripts that count visitors set theirs for all hosts that they can. A cookie is forgotten by its name, domain and path
// (RFC 6265, section 5.3), of which only the name is sent.
func expireCookies(header http.Header, r *http.Request) {
	domains, paths := cookieDomains(r.Host), cookiePaths(r.URL.EscapedPath())
	room := maxExpired
	for _, fields := range r.Header["Cookie"] {
		for field := range strings.SplitSeq(fields, ";") {
			name, _, _ := strings.Cut(strings.TrimSpace(field), "=") // of a cookie without a name it is the value, which does no harm
			for _, domain := range domains {
				for _, path := range paths {
					// Those that are kept apart by the site around them have to be named as such.
					expired := name + "=; Max-Age=0; Secure; Domain=" + domain + "; Path=" + path
					if room -= 2*len(expired) + len("; Partitioned"); room < 0 {
						return
					}
					header.Add("Set-Cookie", expired)
					header.Add("Set-Cookie", expired+"; Partitioned")
				}
			}
		}
	}
}

// cookieDomains are the domains above the host of a website that it can set cookies for. A browser takes none for localhost itself,
// which is like the end of a public name. Hosts of other names, for which we stand in, have their own ways with cookies.
func cookieDomains(host string) (domains []string) {
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	if !strings.HasSuffix(host, "."+interfaceHost) {
		return nil
	}
	for {
		_, above, _ := strings.Cut(host, ".")
		if above == interfaceHost {
			return domains
		}
		domains, host = append(domains, above), above
	}
}

// cookiePaths are the paths of cookies that are sent with a request for path: its own, and those of the folders that it is in, with and
// without a slash behind. No cookie can be told to have a path with a semicolon.
func cookiePaths(path string) []string {
	path, _, _ = strings.Cut(path, ";")
	paths := []string{"/"}
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			paths = append(paths, path[:i], path[:i+1])
		}
	}
	if last := paths[len(paths)-1]; path != last && path != "" {
		paths = append(paths, path)
	}
	return paths
}
