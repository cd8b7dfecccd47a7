package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/netip"
	"os"
	"path/filepath"
)

const configFile = "/etc/cni/net.d/10-node-cni.conflist"

type object = map[string]any

// ranges assigns the addresses in podCIDR. The subnet is the range of the pods of all nodes: ptp masquerades what
// leaves the subnet, and a pod on another node, and its policies, must see the address of the pod. kind fills in this
// range; minikube leaves the placeholder, and has only one node.
func ranges(podCIDR, podSubnet string) ([][]object, error) {
	if _, err := netip.ParsePrefix(podSubnet); err != nil {
		return [][]object{{{"subnet": podCIDR}}}, nil
	}
	prefix, err := netip.ParsePrefix(podCIDR)
	if err != nil {
		return nil, err
	}
	gateway := prefix.Masked().Addr().Next()
	last := gateway
	for next := last.Next(); prefix.Contains(next.Next()); next = next.Next() {
		last = next
	}
	return [][]object{{{
		"subnet":     podSubnet,
		"rangeStart": gateway.Next().String(),
		"rangeEnd":   last.String(),
		"gateway":    gateway.String(),
	}}}, nil
}

// config is the CNI configuration list of a node whose pods use podCIDR.
func config(podCIDR string, mtu int) ([]byte, error) {
	ranges, err := ranges(podCIDR, os.Getenv("POD_SUBNET"))
	if err != nil {
		return nil, err
	}
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
					"ranges":  ranges,
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
