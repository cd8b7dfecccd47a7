//! What is put on a cluster: server-side apply, Secrets, Helm releases, and watching them.
