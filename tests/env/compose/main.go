// Reads env files as docker compose does, for the test that compares our parser with it.
//
// Usage: compose DIR. Prints one JSON object that maps the name of each file in DIR to its values, or
// to the error.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

type result struct {
	Values map[string]string `json:"values,omitempty"`
	Error  string            `json:"error,omitempty"`
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	results := map[string]result{}
	for _, entry := range entries {
		results[entry.Name()] = read(filepath.Join(dir, entry.Name()))
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

// Parses the file as `docker compose` parses its `.env`, with an empty environment.
func read(file string) result {
	values, err := dotenv.GetEnvFromFile(map[string]string{}, []string{file})
	if err != nil {
		return result{Error: err.Error()}
	}
	return result{Values: values}
}
