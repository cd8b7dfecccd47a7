package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

type object = map[string]any

// config is the CNI configuration list of a node whose pods use podCIDR.
func config(podCIDR string, mtu int) ([]byte, error) {
	return json.MarshalIndent(object{
		"cniVersion": "0.3.1",
		"name":       "node-cni",
		"plugins": []object{
			{
				"type":   "ptp",
				"ipMasq": true,
				"mtu":    mtu,
				"ipam": object{
					"type": "host-local",
					// Leases are lost at a reboot, like the pods' sandboxes.
					"dataDir": "/run/cni-ipam-state",
					"routes":  []object{{"dst": "0.0.0.0/0"}},
					"ranges":  [][]object{{{"subnet": podCIDR}}},
				},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}, "", "  ")
}

// writeConfig replaces the file atomically, and only if it differs: containerd
// watches the directory and reloads it.
func writeConfig(podCIDR string, mtu int) error {
	text, err := config(podCIDR, mtu)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(configFile); err == nil && bytes.Equal(old, text) {
		return nil
	}
	partial := filepath.Join(filepath.Dir(configFile), ".node-cni.partial")
	if err := os.WriteFile(partial, text, 0o644); err != nil {
		return err
	}
	if err := os.Rename(partial, configFile); err != nil {
		return fmt.Errorf("write %s: %w", configFile, err)
	}
	log.Printf("wrote %s for pods in %s", configFile, podCIDR)
	return nil
}
