// local-path-volume creates or removes the directory of one volume on a node.
//
// The local-path provisioner runs it in a short-lived pod on the node (`setupCommand`
// and `teardownCommand` in its configuration), so that no shell image is needed.
// The directory is passed in VOL_DIR, the action in `-a`.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:], os.Getenv("VOL_DIR")); err != nil {
		fmt.Fprintln(os.Stderr, "local-path-volume:", err)
		os.Exit(1)
	}
}

func run(args []string, dir string) error {
	// The parent is a host path, which must never be changed.
	if !filepath.IsAbs(dir) || filepath.Dir(filepath.Clean(dir)) == "/" {
		return fmt.Errorf("VOL_DIR %q is not a directory of a volume", dir)
	}
	switch action := flagValue(args, "-a"); action {
	case "create":
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		// Pods of any user write here, and MkdirAll applies the umask.
		return os.Chmod(dir, 0o777)
	case "delete":
		return os.RemoveAll(dir)
	default:
		return fmt.Errorf("unknown action %q", action)
	}
}

// flagValue returns the argument of flag `name`: the provisioner passes more flags
// than are needed here.
func flagValue(args []string, name string) string {
	for i := 0; i+1 < len(args); i++ {
		if args[i] == name {
			return args[i+1]
		}
	}
	return ""
}
