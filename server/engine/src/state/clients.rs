//! All clients of a server, and what EXCHANGE_ID does to them (RFC 8881 §18.35).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use localefs_protocol::nfs4::{Clientid4, Nfsstat4, Verifier4};

use super::client::{Client, Principal};
use super::clock::Millis;
use super::quota::Quotas;
use crate::limits;

/// What EXCHANGE_ID brings.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    /// Who the client says that it is.
    pub co_ownerid: &'a [u8],
    /// Which incarnation.
    pub co_verifier: Verifier4,
    /// Who asks.
    pub principal: &'a Principal,
    /// Where from.
    pub peer: SocketAddr,
    /// EXCHGID4_FLAG_UPD_CONFIRMED_REC_A
    pub update: bool,
}

/// Why EXCHANGE_ID was refused; each is an `nfsstat4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// There is no confirmed record to update.
    #[error("no confirmed record")]
    NoEnt,
    /// The record to update is of another incarnation.
    #[error("another verifier")]
    NotSame,
    /// The record to update is somebody else's.
    #[error("another principal")]
    Perm,
    /// Somebody else uses this name, and is alive.
    #[error("client id in use")]
    ClidInuse,
}

impl From<ExchangeError> for Nfsstat4 {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::NoEnt => Self::NFS4ERR_NOENT,
            ExchangeError::NotSame => Self::NFS4ERR_NOT_SAME,
            ExchangeError::Perm => Self::NFS4ERR_PERM,
            ExchangeError::ClidInuse => Self::NFS4ERR_CLID_INUSE,
        }
    }
}

#[derive(Debug, Default)]
struct Owner {
    confirmed: Option<Arc<Client>>,
    unconfirmed: Option<Arc<Client>>,
}

/// The client records.
#[derive(Debug)]
pub struct Clients {
    /// In the upper half of every clientid, so that those of an earlier start are stale.
    boot: u32,
    lease: Millis,
    quotas: Arc<Quotas>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    owners: HashMap<Vec<u8>, Owner>,
    by_id: HashMap<Clientid4, Arc<Client>>,
    unconfirmed: usize,
    last: u32,
}

/// A client, and whether it is confirmed; clients that are to be taken apart.
pub type Exchanged = (Arc<Client>, bool, Vec<Arc<Client>>);

impl Clients {
    /// No clients yet. `boot` differs at every start; `lease` is in milliseconds; `quotas`
    /// are shared with the clients of other servers.
    #[must_use]
    pub fn new(boot: u32, lease: Millis, quotas: Arc<Quotas>) -> Self {
        Self {
            boot,
            lease,
            quotas,
            table: Mutex::default(),
        }
    }

    /// Finds or makes the client of an EXCHANGE_ID.
    ///
    /// # Errors
    /// [`ExchangeError`], by the cases of RFC 8881 §18.35.4.
    pub fn exchange(
        &self,
        exchange: &Exchange<'_>,
        now: Millis,
    ) -> Result<Exchanged, ExchangeError> {
        let mut table = self.table();
        let confirmed = table
            .owners
            .get(exchange.co_ownerid)
            .and_then(|owner| owner.confirmed.clone());
        if exchange.update {
            let client = confirmed.ok_or(ExchangeError::NoEnt)?;
            if client.co_verifier != exchange.co_verifier {
                return Err(ExchangeError::NotSame);
            }
            if client.principal != *exchange.principal {
                return Err(ExchangeError::Perm);
            }
            return Ok((client, true, Vec::new()));
        }
        let mut gone = Vec::new();
        if let Some(client) = confirmed {
            let same_principal = client.principal == *exchange.principal;
            if same_principal && client.co_verifier == exchange.co_verifier {
                gone.extend(table.drop_unconfirmed(exchange.co_ownerid));
                return Ok((client, true, gone));
            }
            if !same_principal {
                if !client.is_idle() && !self.is_expired(&client, now) {
                    return Err(ExchangeError::ClidInuse);
                }
                gone.extend(table.remove(&client));
            }
            // Otherwise the client has restarted. The old incarnation stays until the new one is
            // confirmed: anybody could have sent this.
        }
        gone.extend(table.drop_unconfirmed(exchange.co_ownerid));
        if table.unconfirmed >= limits::MAX_UNCONFIRMED {
            gone.extend(table.drop_oldest_unconfirmed(now));
        }
        table.last = table.last.wrapping_add(1);
        let id = u64::from(self.boot) << 32 | u64::from(table.last);
        let client = Arc::new(Client::new(
            id,
            exchange.co_ownerid.to_vec(),
            exchange.co_verifier,
            exchange.principal.clone(),
            (exchange.peer, Arc::clone(&self.quotas)),
            now,
        ));
        table.by_id.insert(id, Arc::clone(&client));
        table.unconfirmed += 1;
        let owner = table
            .owners
            .entry(exchange.co_ownerid.to_vec())
            .or_default();
        owner.unconfirmed = Some(Arc::clone(&client));
        Ok((client, false, gone))
    }

    /// The client of an id.
    #[must_use]
    pub fn get(&self, id: Clientid4) -> Option<Arc<Client>> {
        self.table().by_id.get(&id).cloned()
    }

    /// Whether a client is confirmed.
    #[must_use]
    pub fn is_confirmed(&self, client: &Arc<Client>) -> bool {
        self.table().is_confirmed(client)
    }

    /// Confirms a client by its first session; returns the incarnation before it, which is to be
    /// taken apart.
    ///
    /// # Errors
    /// NFS4ERR_STALE_CLIENTID if the record is gone, NFS4ERR_DELAY if there are too many clients.
    pub fn confirm(&self, client: &Arc<Client>) -> Result<Option<Arc<Client>>, Nfsstat4> {
        let mut table = self.table();
        if table.is_confirmed(client) {
            return Ok(None);
        }
        let confirmed = table.by_id.len() - table.unconfirmed;
        let owner = table
            .owners
            .get_mut(&client.co_ownerid)
            .filter(|owner| {
                owner
                    .unconfirmed
                    .as_ref()
                    .is_some_and(|u| Arc::ptr_eq(u, client))
            })
            .ok_or(Nfsstat4::NFS4ERR_STALE_CLIENTID)?;
        if confirmed >= limits::MAX_CLIENTS && owner.confirmed.is_none() {
            return Err(Nfsstat4::NFS4ERR_DELAY);
        }
        owner.unconfirmed = None;
        let replaced = owner.confirmed.replace(Arc::clone(client));
        table.unconfirmed -= 1;
        if let Some(replaced) = &replaced {
            table.by_id.remove(&replaced.id);
        }
        Ok(replaced)
    }

    /// Takes a client off the record, if it is still there.
    pub fn remove(&self, client: &Arc<Client>) -> bool {
        self.table().remove(client).is_some()
    }

    /// Whether the lease of a client has run out. Not while it is being served.
    #[must_use]
    pub fn is_expired(&self, client: &Client, now: Millis) -> bool {
        !client.is_served() && client.idle(now) >= self.lease
    }

    /// Clients whose lease has run out, confirmed or not.
    #[must_use]
    pub fn expired(&self, now: Millis) -> Vec<Arc<Client>> {
        let table = self.table();
        let expired = table
            .by_id
            .values()
            .filter(|client| self.is_expired(client, now));
        expired.cloned().collect()
    }

    /// The confirmed client of a name.
    #[must_use]
    pub fn confirmed_of(&self, co_ownerid: &[u8]) -> Option<Arc<Client>> {
        self.table().owners.get(co_ownerid)?.confirmed.clone()
    }

    /// Confirmed clients.
    #[must_use]
    pub fn confirmed(&self) -> Vec<Arc<Client>> {
        self.table()
            .owners
            .values()
            .filter_map(|owner| owner.confirmed.clone())
            .collect()
    }

    /// All clients, confirmed or not.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.table().by_id.values().cloned().collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn is_confirmed(&self, client: &Arc<Client>) -> bool {
        let owner = self.owners.get(&client.co_ownerid);
        let confirmed = owner.and_then(|owner| owner.confirmed.as_ref());
        confirmed.is_some_and(|confirmed| Arc::ptr_eq(confirmed, client))
    }

    fn drop_unconfirmed(&mut self, co_ownerid: &[u8]) -> Option<Arc<Client>> {
        let client = self.owners.get(co_ownerid)?.unconfirmed.clone()?;
        self.remove(&client)
    }

    fn drop_oldest_unconfirmed(&mut self, now: Millis) -> Option<Arc<Client>> {
        let unconfirmed = self
            .owners
            .values()
            .filter_map(|owner| owner.unconfirmed.as_ref());
        let oldest = unconfirmed.max_by_key(|client| client.idle(now)).cloned()?;
        self.remove(&oldest)
    }

    fn remove(&mut self, client: &Arc<Client>) -> Option<Arc<Client>> {
        let removed = self.by_id.remove(&client.id)?;
        if let Some(owner) = self.owners.get_mut(&client.co_ownerid) {
            let is = |slot: &Option<Arc<Client>>| {
                slot.as_ref()
                    .is_some_and(|known| Arc::ptr_eq(known, client))
            };
            if is(&owner.unconfirmed) {
                owner.unconfirmed = None;
                self.unconfirmed -= 1;
            }
            if is(&owner.confirmed) {
                owner.confirmed = None;
            }
            if owner.confirmed.is_none() && owner.unconfirmed.is_none() {
                self.owners.remove(&client.co_ownerid);
            }
        }
        Some(removed)
    }
}

#[cfg(test)]
mod tests {
    use localefs_protocol::nfs4::Sessionid4;

    use super::*;
    use crate::state::Quota;

    const LEASE: Millis = 90_000;

    fn principal(uid: u32) -> Principal {
        Principal {
            uid,
            machinename: b"host".to_vec(),
        }
    }

    fn quotas() -> Arc<Quotas> {
        Arc::new(Quotas {
            opens: Quota::new(100, 100),
            lock_owners: Quota::new(100, 100),
        })
    }

    fn exchange(verifier: u8, principal: &Principal, update: bool) -> Exchange<'_> {
        Exchange {
            co_ownerid: b"owner",
            co_verifier: Verifier4([verifier; 8]),
            principal,
            peer: ([127, 0, 0, 1], 1).into(),
            update,
        }
    }

    /// A confirmed client of uid 0 and verifier 1, with one session.
    fn with_confirmed() -> (Clients, Arc<Client>) {
        let clients = Clients::new(7, LEASE, quotas());
        let (client, confirmed, _) = clients
            .exchange(&exchange(1, &principal(0), false), 0)
            .unwrap();
        assert!(!confirmed);
        assert!(clients.confirm(&client).unwrap().is_none());
        client.add_session(Sessionid4([1; 16])).unwrap();
        (clients, client)
    }

    #[test]
    fn update_needs_the_same_confirmed_record() {
        let clients = Clients::new(7, LEASE, quotas());
        let update = |clients: &Clients, verifier, uid| {
            clients
                .exchange(&exchange(verifier, &principal(uid), true), 0)
                .map(|found| found.0.id)
        };
        assert_eq!(update(&clients, 1, 0), Err(ExchangeError::NoEnt));
        clients
            .exchange(&exchange(1, &principal(0), false), 0)
            .unwrap();
        assert_eq!(
            update(&clients, 1, 0),
            Err(ExchangeError::NoEnt),
            "unconfirmed"
        );

        let (clients, client) = with_confirmed();
        assert_eq!(update(&clients, 2, 0), Err(ExchangeError::NotSame));
        assert_eq!(update(&clients, 1, 1), Err(ExchangeError::Perm));
        assert_eq!(update(&clients, 1, 0), Ok(client.id));
    }

    #[test]
    fn the_same_incarnation_is_found_again() {
        let (clients, client) = with_confirmed();
        let (found, confirmed, gone) = clients
            .exchange(&exchange(1, &principal(0), false), 0)
            .unwrap();
        assert!(Arc::ptr_eq(&found, &client) && confirmed && gone.is_empty());
    }

    #[test]
    fn a_restart_replaces_the_old_incarnation_only_when_confirmed() {
        let (clients, old) = with_confirmed();
        let (new, confirmed, gone) = clients
            .exchange(&exchange(2, &principal(0), false), 0)
            .unwrap();
        assert!(!confirmed && gone.is_empty() && new.id != old.id);
        assert!(clients.get(old.id).is_some());
        let replaced = clients.confirm(&new).unwrap().unwrap();
        assert!(Arc::ptr_eq(&replaced, &old));
        assert!(clients.get(old.id).is_none());
    }

    #[test]
    fn an_unconfirmed_record_is_replaced() {
        let clients = Clients::new(7, LEASE, quotas());
        let (first, ..) = clients
            .exchange(&exchange(1, &principal(0), false), 0)
            .unwrap();
        let (second, _, gone) = clients
            .exchange(&exchange(1, &principal(5), false), 0)
            .unwrap();
        assert_eq!(gone.len(), 1);
        assert!(clients.get(first.id).is_none());
        assert!(clients.confirm(&first).is_err());
        assert!(clients.confirm(&second).is_ok());
    }

    #[test]
    fn somebody_else_gets_the_name_only_of_a_dead_client() {
        let (clients, client) = with_confirmed();
        let other = principal(5);
        let attempt = |now| clients.exchange(&exchange(2, &other, false), now);
        assert_eq!(
            attempt(LEASE - 1).map(|_| ()),
            Err(ExchangeError::ClidInuse)
        );
        client.remove_session(Sessionid4([1; 16]));
        let (_, _, gone) = attempt(0).unwrap();
        assert_eq!(gone.len(), 1, "it held nothing");

        let (clients, _) = with_confirmed();
        assert!(
            clients.exchange(&exchange(2, &other, false), LEASE).is_ok(),
            "it had expired"
        );
    }

    #[test]
    fn records_without_sessions_are_bounded_and_forgotten() {
        let clients = Clients::new(7, LEASE, quotas());
        for number in 0..limits::MAX_UNCONFIRMED as u64 + 10 {
            let owner = number.to_be_bytes();
            let someone = principal(0);
            let exchange = Exchange {
                co_ownerid: &owner,
                ..exchange(1, &someone, false)
            };
            clients.exchange(&exchange, number).unwrap();
        }
        assert_eq!(clients.table().by_id.len(), limits::MAX_UNCONFIRMED);
        let expired = clients.expired(2 * LEASE);
        assert_eq!(expired.len(), limits::MAX_UNCONFIRMED);
        expired
            .iter()
            .for_each(|client| assert!(clients.remove(client)));
        assert!(clients.table().owners.is_empty());
    }
}
