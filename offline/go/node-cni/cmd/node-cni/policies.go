package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

// queue is the netfilter queue that new connections of pods are sent to.
const queue = 100

// refused is longer than the name of a table may be, so that the kernel refuses the controller's own rules before it
// reads their chains. The controller replaces its rules whenever a pod or a policy changes, and when a hook is removed,
// the kernel drops all packets in all queues (nf_queue_nf_hook_drop): a DNS request is then lost for 5 seconds, the
// first packet of a connection for 1 second. Our own rules (queue.go) never change.
var refused = strings.Repeat("x", 300)

// withoutRefused is the log of the controller, without what it says about the rules that the kernel refuses.
type withoutRefused struct{ io.Writer }

func (w withoutRefused) Write(entry []byte) (int, error) {
	// The key of its only work item.
	for _, part := range []string{"yncing nftables rules", "key=\"dummy-key\"", "netlink receive: "} {
		if bytes.Contains(entry, []byte(part)) {
			return len(entry), nil
		}
	}
	return w.Writer.Write(entry)
}

// policies decides about new connections. It fails closed: if this process was killed, the kernel's
// rules remain, and a connection that would have been evaluated is dropped. Only an orderly end removes
// them. Connections that exist continue, also after a policy changed.
type policies struct {
	controller *networkpolicy.Controller
}

func newPolicies(
	client kubernetes.Interface, watched informers.SharedInformerFactory, node string,
) (*policies, error) {
	controller, err := networkpolicy.NewController(
		client,
		watched.Networking().V1().NetworkPolicies(),
		watched.Core().V1().Namespaces(),
		watched.Core().V1().Pods(),
		watched.Core().V1().Nodes(),
		nil, nil, nil,
		networkpolicy.Config{
			NodeName:    node,
			NFTableName: refused,
			QueueID:     queue,
			// Must be on: without it, v0.8.0 crashes at the first address that is not a pod's. As the runtime's
			// socket is not mounted, the addresses come from the API server all the same.
			NRIdisabled: false,
		},
	)
	if err != nil {
		return nil, fmt.Errorf("create the controller of network policies: %w", err)
	}
	return &policies{controller: controller}, nil
}

func (p *policies) run(ctx context.Context) error {
	logs := flag.NewFlagSet("logs", flag.ContinueOnError)
	klog.InitFlags(logs)
	err := errors.Join(logs.Set("logtostderr", "false"), logs.Set("stderrthreshold", "FATAL"))
	if err != nil {
		return err
	}
	klog.SetOutput(withoutRefused{os.Stderr})
	if err := sendToQueue(); err != nil {
		return fmt.Errorf("network policies are not enforced: the kernel has no netfilter queue: %w", err)
	}
	defer removeTable()
	if err := p.controller.Run(ctx); err != nil {
		return fmt.Errorf("enforce network policies: %w", err)
	}
	return nil
}
