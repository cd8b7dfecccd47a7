// node-cni connects the pods of a node and enforces network policies: it writes the node's CNI
// configuration for the pod range that the cluster assigned, maintains a route to each other node's
// range, and decides about new connections of pods.
//
// The plugins (ptp, host-local, portmap) come from Debian; policies are evaluated by
// sigs.k8s.io/kube-network-policies.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	client, err := newClient()
	if err != nil {
		log.Fatal(err)
	}
	watched := informers.NewSharedInformerFactory(client, 0)
	self := os.Getenv("NODE_NAME")
	nodes := newNodes(watched.Core().V1().Nodes(), self)
	policies, err := newPolicies(client, watched, self)
	if err != nil {
		log.Fatal(err)
	}
	watched.Start(ctx.Done())
	go nodes.run(ctx)
	// Pods are connected even if this fails; the restarts of the container show that it did.
	if err := policies.run(ctx); err != nil {
		log.Fatal(err)
	}
}

func newClient() (kubernetes.Interface, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, err
	}
	// kind sets this address: the Service's address works only after kube-proxy has run on this node.
	if endpoint := os.Getenv("CONTROL_PLANE_ENDPOINT"); endpoint != "" {
		config.Host = "https://" + endpoint
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	return kubernetes.NewForConfig(config)
}
