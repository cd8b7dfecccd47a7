// node-cni connects the pods of a node: it writes the node's CNI configuration for
// the pod range that the cluster assigned, and maintains a route to each other node's range.
//
// The plugins (ptp, host-local, portmap) come from Debian. NetworkPolicy
// is not enforced.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
)

const (
	account    = "/var/run/secrets/kubernetes.io/serviceaccount/"
	configFile = "/etc/cni/net.d/10-node-cni.conflist"
	// New nodes must be reachable soon; with no changes, this is 6 requests a minute.
	settled = 10 * time.Second
	retry   = time.Second
)

// node contains the fields of a Node object that are used here.
type node struct {
	Metadata struct{ Name string }
	Spec     struct{ PodCIDR string }
	Status   struct {
		Addresses []struct{ Type, Address string }
	}
}

func (n node) internalIP() string {
	for _, address := range n.Status.Addresses {
		if address.Type == "InternalIP" {
			return address.Address
		}
	}
	return ""
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	client, err := newClient()
	if err != nil {
		log.Fatal(err)
	}
	self := os.Getenv("HOST_IP")
	for ctx.Err() == nil {
		wait := settled
		if err := sync(ctx, client, self); err != nil {
			log.Print(err)
			wait = retry
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func newClient() (*http.Client, error) {
	ca, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("no certificate in %sca.crt", account)
	}
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
	}, nil
}

// apiServer prefers the address that kind sets: the Service's address works only
// after kube-proxy has run on this node.
func apiServer() string {
	if endpoint := os.Getenv("CONTROL_PLANE_ENDPOINT"); endpoint != "" {
		return endpoint
	}
	return net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
}

func listNodes(ctx context.Context, client *http.Client) ([]node, error) {
	// The token on disk is renewed at run time.
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+apiServer()+"/api/v1/nodes", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("list nodes: %s", response.Status)
	}
	var list struct{ Items []node }
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return list.Items, nil
}

func sync(ctx context.Context, client *http.Client, self string) error {
	nodes, err := listNodes(ctx, client)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		switch ip := n.internalIP(); {
		case ip == self && n.Spec.PodCIDR == "":
			return fmt.Errorf("node %s has no pod range yet", n.Metadata.Name)
		case ip == self:
			err = writeConfig(n.Spec.PodCIDR, mtu(self))
		case ip != "" && n.Spec.PodCIDR != "":
			err = route(n.Spec.PodCIDR, ip)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func route(podCIDR, via string) error {
	_, destination, err := net.ParseCIDR(podCIDR)
	if err != nil {
		return err
	}
	if err := netlink.RouteReplace(&netlink.Route{Dst: destination, Gw: net.ParseIP(via)}); err != nil {
		return fmt.Errorf("route to %s by %s: %w", podCIDR, via, err)
	}
	return nil
}

// mtu returns the MTU of the interface that has the node's own address.
func mtu(self string) int {
	interfaces, err := net.Interfaces()
	if err != nil {
		return 1500
	}
	for _, one := range interfaces {
		addresses, err := one.Addrs()
		if err != nil {
			continue
		}
		for _, address := range addresses {
			if network, ok := address.(*net.IPNet); ok && network.IP.String() == self {
				return one.MTU
			}
		}
	}
	return 1500
}
