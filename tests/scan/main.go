// Command database writes a vulnerability database for grype into a folder. Its only entry is a made-up
// vulnerability of all versions of one npm package; without a name, it has no entry.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/spf13/afero"
)

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		fmt.Fprintln(os.Stderr, "usage: database FOLDER [PACKAGE]")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "database:", err)
		os.Exit(1)
	}
}

func write(folder string, packages []string) error {
	// grype appends the version of the format to its folder.
	dir := filepath.Join(folder, strconv.Itoa(v6.ModelVersion))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	writer, err := v6.NewWriter(v6.Config{DBDirPath: dir})
	if err != nil {
		return err
	}
	if err := writer.SetDBMetadata(); err != nil {
		return err
	}
	now := time.Now()
	provider := v6.Provider{ID: "github", Version: "1", Processor: "test", DateCaptured: &now, InputDigest: "test"}
	if err := writer.AddProvider(provider); err != nil {
		return err
	}
	for _, name := range packages {
		if err := add(writer, &provider, name); err != nil {
			return err
		}
	}
	if err := writer.Close(); err != nil {
		return err
	}
	_, err = v6.WriteImportMetadata(afero.NewOsFs(), dir, "test")
	return err
}

func add(writer v6.ReadWriter, provider *v6.Provider, name string) error {
	const id = "GHSA-made-up-0001"
	vulnerability := v6.VulnerabilityHandle{
		Name:     id,
		Status:   v6.VulnerabilityActive,
		Provider: provider,
		BlobValue: &v6.VulnerabilityBlob{
			ID:          id,
			Description: "made up for a test",
			Severities:  []v6.Severity{{Scheme: v6.SeveritySchemeCHML, Value: "high", Rank: 1}},
		},
	}
	if err := writer.AddVulnerabilities(&vulnerability); err != nil {
		return err
	}
	return writer.AddAffectedPackages(&v6.AffectedPackageHandle{
		Vulnerability: &vulnerability,
		Package:       &v6.Package{Name: name, Ecosystem: "npm"},
		BlobValue: &v6.PackageBlob{Ranges: []v6.Range{{
			Version: v6.Version{Type: "semver", Constraint: ">=0.0.0"},
			Fix:     &v6.Fix{Version: "99.0.0", State: v6.FixedStatus},
		}}},
	})
}
