package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"
)

const retry = time.Second

// nodes keeps the configuration and the routes of this node, whose name is self. Its address may be that of another
// node before a restart.
type nodes struct {
	informer coreinformers.NodeInformer
	self     string
	changed  chan struct{}
}

func newNodes(informer coreinformers.NodeInformer, self string) *nodes {
	n := &nodes{informer: informer, self: self, changed: make(chan struct{}, 1)}
	changed := func(any) {
		select {
		case n.changed <- struct{}{}:
		default:
		}
	}
	_, _ = informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		UpdateFunc: func(_, now any) { changed(now) },
		DeleteFunc: changed,
	})
	return n
}

func (n *nodes) run(ctx context.Context) {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.changed:
		case <-again:
		}
		again = nil
		if err := n.sync(); err != nil {
			log.Print(err)
			again = time.After(retry)
		}
	}
}

func (n *nodes) sync() error {
	all, err := n.informer.Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	for _, node := range all {
		switch ip := internalIP(node); {
		case node.Name == n.self && node.Spec.PodCIDR == "":
			return fmt.Errorf("node %s has no pod range yet", node.Name)
		case node.Name == n.self:
			err = writeConfig(node.Spec.PodCIDR, mtu(ip))
		case ip != "" && node.Spec.PodCIDR != "":
			err = route(node.Spec.PodCIDR, ip)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func internalIP(node *v1.Node) string {
	for _, address := range node.Status.Addresses {
		if address.Type == v1.NodeInternalIP {
			return address.Address
		}
	}
	return ""
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
