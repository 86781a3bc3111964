package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// writeSums writes the checksums of all files in a folder, as sha256sum -c reads them.
func writeSums(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var out strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256(data), f.Name())
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(out.String()), 0o644)
}

// A component is a part of what is in the packages, in the words of CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/).
type component struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl,omitempty"`
	Ref     string `json:"bom-ref,omitempty"`
}

// writeSBOM writes what modules are linked into the programs of all systems, as the programs themselves say it.
func (b *builder) writeSBOM(made string) error {
	bins, err := filepath.Glob(filepath.Join(b.tmp, "bin", "*", program+"*"))
	if err != nil {
		return err
	}
	modules := make(map[string]component)
	var golang string
	for _, bin := range bins {
		info, err := buildinfo.ReadFile(bin)
		if err != nil {
			return fmt.Errorf("SBOM: %w", err)
		}
		golang = strings.TrimPrefix(info.GoVersion, "go")
		for _, m := range info.Deps {
			if m.Replace != nil {
				m.Path = m.Replace.Path // a folder of ours has no version
				m.Version = m.Replace.Version
			}
			c := component{Type: "library", Name: m.Path, Version: m.Version}
			if m.Version == "" || strings.HasPrefix(m.Path, ".") {
				c.Version = b.version.String()
			} else {
				c.PURL = "pkg:golang/" + m.Path + "@" + m.Version
				c.Ref = c.PURL
			}
			modules[m.Path] = c
		}
	}
	modules["stdlib"] = component{Type: "library", Name: "stdlib", Version: golang, PURL: "pkg:golang/stdlib@" + golang, Ref: "pkg:golang/stdlib@" + golang}
	var list []component
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		list = append(list, modules[name])
	}
	out, err := json.MarshalIndent(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
		"metadata": map[string]any{
			"timestamp": b.version.time.Format("2006-01-02T15:04:05Z"),
			"component": component{Type: "application", Name: program, Version: b.version.String()},
		},
		"components": list,
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(made, b.name("sbom.cdx.json")), append(out, '\n'), 0o644)
}
