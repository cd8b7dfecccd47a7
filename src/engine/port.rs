//! Why a port of this machine could not be published, in the words of all engines.

/// How engines report a port that somebody uses, or that they may not use. In lower case.
const REFUSED: [&str; 9] = [
    // Docker, in its bridge driver, and its userland proxy.
    "port is already allocated",
    "address already in use",
    // Docker Desktop. On Windows without a reason: "/forwards/expose returned unexpected status: 500".
    "ports are not available",
    // Rootless Docker and Podman.
    "cannot expose privileged port",
    "bind: permission denied",
    // Podman with pasta, and in its messages since 5.6 (podman#27502).
    "failed to bind port",
    "port(s) already bound",
    // Podman machine, whose gvproxy forwards ports (containers/gvisor-tap-vsock#615).
    "proxy already running",
    // Windows, for ports that it reserves.
    "forbidden by its access permissions",
];

/// Whether a message reports a port that could not be published.
pub fn cannot_publish(output: &str) -> bool {
    let low = output.to_ascii_lowercase();
    REFUSED.iter().any(|text| low.contains(text))
}

/// The port of this machine that such a message names.
pub fn port_of(output: &str) -> Option<u16> {
    let mut lines = output.lines().filter(|line| cannot_publish(line));
    let address =
        r"(?:127\.0\.0\.1:|0\.0\.0\.0:|\[::1?\]:|privileged port |bind port |already bound: )([0-9]+)";
    let address = regex_lite::Regex::new(address).ok()?;
    lines.find_map(|line| address.captures(line)?.get(1)?.as_str().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each message with the port in it. `…` replaces an identifier.
    #[test]
    fn the_port_is_found_in_the_messages_of_all_engines() {
        for (message, port) in [
            // Docker up to 27, by its bridge driver.
            (
                "Error response from daemon: driver failed programming external connectivity on endpoint c (…): \
                 Bind for 127.0.0.1:80 failed: port is already allocated",
                Some(80),
            ),
            // Docker 28.0, and since 28.1.
            (
                "failed to set up container networking: driver failed programming external connectivity on endpoint \
                 c (…): failed to bind host port for 0.0.0.0:8000:172.31.0.2:8000/tcp: address already in use",
                Some(8000),
            ),
            ("failed to bind host port 127.0.0.1:443/tcp: address already in use", Some(443)),
            // Rootless Docker (docs.docker.com/engine/security/rootless/troubleshoot), and since 29.
            (
                "Error starting userland proxy: error while calling PortManager.AddPort(): cannot expose privileged \
                 port 80, you can add 'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf (currently 1024), \
                 or set CAP_NET_BIND_SERVICE on rootlesskit binary, or choose a larger port number (>= 1024): \
                 listen tcp4 127.0.0.1:80: bind: permission denied",
                Some(80),
            ),
            (
                "error while calling RootlessKit PortManager.AddPort(): cannot expose privileged port 443",
                Some(443),
            ),
            (
                "error while calling PortManager.AddPort(): listen tcp4 0.0.0.0:44492: bind: address already in use",
                Some(44492),
            ),
            // Rootless Podman.
            (
                "Error: rootlessport cannot expose privileged port 80, you can add \
                 'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf (currently 1024), or choose a larger \
                 port number (>= 1024): listen tcp 0.0.0.0:80: bind: permission denied",
                Some(80),
            ),
            ("rootlessport listen tcp 127.0.0.1:8443: bind: address already in use", Some(8443)),
            // Podman in WSL (podman#27502) and with pasta.
            ("Error: Port(s) already bound: 80: Permission denied", Some(80)),
            (
                "pasta failed with exit code 1: Failed to bind port 80 (Permission denied) for option '-t'",
                Some(80),
            ),
            // Podman as root.
            (
                "cannot listen on the TCP port: listen tcp4 0.0.0.0:6443: bind: address already in use",
                Some(6443),
            ),
            // Podman machine (podman#14465, podman#28009, containers/gvisor-tap-vsock#615).
            (
                "Error: something went wrong with the request: \"listen tcp 127.0.0.1:80: bind: permission denied\\n\"",
                Some(80),
            ),
            ("Error: something went wrong with the request: \"proxy already running\\n\"", None),
            // Docker Desktop on macOS, and on Windows with WSL 2.
            (
                "Ports are not available: exposing port TCP 127.0.0.1:80 -> 127.0.0.1:0: listen tcp 127.0.0.1:80: bind: \
                 address already in use",
                Some(80),
            ),
            (
                "ports are not available: exposing port TCP 0.0.0.0:80 -> 127.0.0.1:0: /forwards/expose returned \
                 unexpected status: 500",
                Some(80),
            ),
            (
                "ports are not available: exposing port TCP 0.0.0.0:5432 -> 127.0.0.1:0: listen tcp 0.0.0.0:5432: \
                 bind: An attempt was made to access a socket in a way forbidden by its access permissions.",
                Some(5432),
            ),
            ("dial tcp 127.0.0.1:9\nlisten: address already in use", None),
        ] {
            assert!(cannot_publish(message), "{message}");
            assert_eq!(port_of(message), port, "{message}");
        }
        assert!(!cannot_publish("dial tcp 127.0.0.1:80: connect: connection refused"));
    }
}
