package main

import (
	"log"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

var table = &nftables.Table{Name: "node-cni", Family: nftables.TableFamilyIPv4}

// sendToQueue sends the first packet of each connection of a pod to the queue, with the queue expression of nftables
// or, if the kernel was built without CONFIG_NFT_QUEUE, with the target NFQUEUE of xtables.
func sendToQueue() error {
	err := addTable(&expr.Queue{Num: queue})
	if err == nil {
		return nil
	}
	log.Printf("the kernel has no queue expression of nftables (%v); using the target NFQUEUE of xtables", err)
	return addTable(&expr.Target{Name: "NFQUEUE", Info: targetInfo()})
}

func addTable(toQueue expr.Any) error {
	nft, err := nftables.New()
	if err != nil {
		return err
	}
	// Added first, so that deleting it does not fail: the rules of an earlier process are replaced.
	nft.AddTable(table)
	nft.DelTable(table)
	nft.AddTable(table)
	add := func(name string, hook *nftables.ChainHook, priority nftables.ChainPriority, rules ...[]expr.Any) {
		chain := nft.AddChain(&nftables.Chain{
			Name: name, Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: hook, Priority: nftables.ChainPriorityRef(priority),
		})
		for _, rule := range rules {
			nft.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: rule})
		}
	}
	accept := &expr.Verdict{Kind: expr.VerdictAccept}
	// After the destination was translated, and before the source is.
	add("postrouting", nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource-5,
		append(dns(), accept),
		// The node's own processes are exempt: the kubelet's probes must pass.
		[]expr.Any{
			&expr.Meta{Key: expr.MetaKeySKUID, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(0)},
			accept,
		},
		append(known(), accept),
		[]expr.Any{toQueue},
	)
	// Kernels before 6.12 lose one of two concurrent DNS requests that are queued after routing
	// (kube-network-policies, issue 12).
	add("prerouting", nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest+5,
		append(known(), accept),
		append(dns(), toQueue),
	)
	// All of a batch is applied, or nothing.
	return nft.Flush()
}

// dns matches UDP packets by their destination port 53.
func dns() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(53)},
	}
}

// known matches packets of connections that were accepted, and those related to them.
func known() []expr.Any {
	states := uint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED)
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(states), Xor: make([]byte, 4),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// targetInfo is a struct xt_NFQ_info (linux/netfilter/xt_NFQUEUE.h), padded to 8 bytes.
func targetInfo() xt.InfoAny {
	info := xt.Unknown(append(binaryutil.NativeEndian.PutUint16(queue), make([]byte, 6)...))
	return &info
}

func removeTable() {
	nft, err := nftables.New()
	if err != nil {
		return
	}
	nft.DelTable(table)
	_ = nft.Flush()
}
