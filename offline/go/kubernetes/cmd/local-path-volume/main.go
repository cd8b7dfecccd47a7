// local-path-volume makes and removes the directory of one volume on a node.
//
// The local-path provisioner starts it in a short-lived pod there (`setupCommand`
// and `teardownCommand` of its configuration), so that no shell image is needed.
// The directory comes in VOL_DIR, the action behind `-a`.
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
	// The parent is a host path: never act on that itself.
	if !filepath.IsAbs(dir) || filepath.Dir(filepath.Clean(dir)) == "/" {
		return fmt.Errorf("VOL_DIR %q is no volume's directory", dir)
	}
	switch action := flagValue(args, "-a"); action {
	case "create":
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		// Pods of any user write here, and MkdirAll obeys the umask.
		return os.Chmod(dir, 0o777)
	case "delete":
		return os.RemoveAll(dir)
	default:
		return fmt.Errorf("unknown action %q", action)
	}
}

// flagValue is the argument behind `name`: the provisioner passes more of them
// than are needed here.
func flagValue(args []string, name string) string {
	for i := 0; i+1 < len(args); i++ {
		if args[i] == name {
			return args[i+1]
		}
	}
	return ""
}
