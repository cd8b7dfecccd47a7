//! Providers of clusters, the kubeconfig of ours, and the guard that a cluster is ours.
