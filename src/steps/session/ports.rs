//! The host ports of the ingress controller.

use super::{Session, lock};
use crate::cluster::Ports;
use crate::engine::Engine;
use crate::error::Result;
use crate::host;

impl Session {
    /// The host ports of the ingress controller: those of the receipt, else ports free at the first call.
    pub fn ports(&self) -> Ports {
        let made = self.receipt().made.cluster;
        if let (Some(http), Some(https)) = (made.http_port, made.https_port) {
            return Ports { http, https };
        }
        let as_user = self.engine().is_ok_and(Engine::publishes_as_user);
        let mut chosen = lock(&self.results.ports);
        if let Some((_, ports)) = chosen.filter(|(known, _)| *known == as_user) {
            return ports;
        }
        let (wanted, mut avoid) = (&self.profile.cluster, lock(&self.results.refused_ports).clone());
        let http = host::free_port(wanted.http_port, &avoid, as_user);
        avoid.push(http);
        let ports = Ports { http, https: host::free_port(wanted.https_port, &avoid, as_user) };
        *chosen = Some((as_user, ports));
        ports
    }

    /// Lets a new cluster use other ports than those of an interrupted creation, and than `refused`.
    pub fn choose_ports_again(&self, refused: &[u16]) -> Result<()> {
        self.record(|receipt| {
            (receipt.made.cluster.http_port, receipt.made.cluster.https_port) = (None, None);
        })?;
        lock(&self.results.refused_ports).extend(refused);
        *lock(&self.results.ports) = None;
        Ok(())
    }
}
