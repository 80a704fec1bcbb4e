//! A running stand-in, for tests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use tokio::{runtime, sync::oneshot};

use crate::{
    Call, Client, Config, Endpoint, Fault, IssuerType, Times, admin,
    cognito::Cognito,
    domain,
    http::{self, Shared},
    idp,
};

/// Runs on its own thread until it is dropped. A call that names an unknown pool or user panics.
pub struct StandIn {
    cognito: Shared,
    domain: SocketAddr,
    idp: SocketAddr,
    admin: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// On free ports of 127.0.0.1.
    pub fn start(config: Config) -> io::Result<Self> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::start_at(config, anywhere, anywhere)
    }

    /// On given addresses, for instance to come up after a proxy that already names them.
    pub fn start_at(config: Config, domain: SocketAddr, idp: SocketAddr) -> io::Result<Self> {
        Self::start_with(config, domain, idp, None)
    }

    /// With the admin page at `admin`, if there is to be one.
    pub fn start_with(
        config: Config,
        domain: SocketAddr,
        idp: SocketAddr,
        admin: Option<SocketAddr>,
    ) -> io::Result<Self> {
        config.check().map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?;
        let (domain_listener, idp_listener) = (TcpListener::bind(domain)?, TcpListener::bind(idp)?);
        let admin_listener = admin.map(TcpListener::bind).transpose()?;
        let (domain, idp) = (domain_listener.local_addr()?, idp_listener.local_addr()?);
        let admin = admin_listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let seen_as = config.domain_url.clone().unwrap_or_else(|| url(domain));
        let issuers_at = config.idp_url.clone().unwrap_or_else(|| url(idp));
        let cognito = Cognito::new(config, seen_as, &issuers_at);
        let cognito = Arc::new(Mutex::new(cognito));

        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (domain_listener, idp_listener, admin_listener) = {
            let _inside = runtime.enter();
            (
                asynchronous(domain_listener)?,
                asynchronous(idp_listener)?,
                admin_listener.map(asynchronous).transpose()?,
            )
        };
        let (stop, stopped) = oneshot::channel();
        let shared = cognito.clone();
        let thread = thread::Builder::new().name("stand-in".into()).spawn(move || {
            runtime.block_on(async {
                if let Some(listener) = admin_listener {
                    tokio::spawn(http::serve(listener, admin::ORIGIN, shared.clone()));
                }
                tokio::select! {
                    _ = http::serve(domain_listener, domain::ORIGIN, shared.clone()) => {}
                    _ = http::serve(idp_listener, idp::ORIGIN, shared.clone()) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { cognito, domain, idp, admin, stop: Some(stop), thread: Some(thread) })
    }

    pub fn domain_addr(&self) -> SocketAddr {
        self.domain
    }

    pub fn idp_addr(&self) -> SocketAddr {
        self.idp
    }

    /// Where the user pool domain listens, without a trailing slash.
    pub fn domain_url(&self) -> String {
        url(self.domain)
    }

    /// The admin page, without a trailing slash, if there is one.
    pub fn admin_url(&self) -> Option<String> {
        self.admin.map(url)
    }

    /// The host of the issuers, without a trailing slash.
    pub fn idp_url(&self) -> String {
        url(self.idp)
    }

    pub fn issuer(&self, pool_id: &str) -> String {
        format!("{}/{pool_id}", self.idp_url())
    }

    /// Plans a fault for the calls of a client (of a pool, at `Jwks`). Faults apply in the order in which they were
    /// planned; one that applies always is replaced by the next.
    pub fn fault(&self, endpoint: Endpoint, who: &str, fault: Fault, times: Times) {
        self.lock().faults.plan(endpoint, who, fault, times);
    }

    pub fn clear_faults(&self, who: &str) {
        self.lock().faults.clear(who);
    }

    /// Gives a pool two new keys and removes the old ones from the key set.
    pub fn rotate_keys(&self, pool_id: &str) {
        assert!(self.lock().rotate_keys(pool_id), "no pool {pool_id}");
    }

    /// Gives a pool an issuer as real pools have: from now on, its tokens name that one. `replica` is the Region in
    /// which a replica of the pool issues them.
    pub fn switch_issuer(&self, pool_id: &str, kind: IssuerType, replica: Option<&str>) {
        let mut cognito = self.lock();
        let pool = cognito.pool_mut(pool_id).unwrap_or_else(|| panic!("no pool {pool_id}"));
        pool.issuer.switch(kind, replica);
    }

    /// Replaces the secrets of a client, which may have two at a time.
    pub fn set_secrets(&self, client_id: &str, secret: &str, second: Option<&str>) {
        let mut cognito = self.lock();
        let found = cognito.client(client_id).map(|(pool, client)| (pool.id.clone(), (*client).clone()));
        let (pool, client) = found.unwrap_or_else(|| panic!("no client {client_id}"));
        let client =
            Client { secret: Some(secret.into()), second_secret: second.map(String::from), ..client };
        cognito.pool_mut(&pool).expect("found before").put_client(client);
    }

    /// The recorded calls of a client (of a pool, at `Jwks`), oldest first.
    pub fn calls(&self, endpoint: Endpoint, who: &str) -> Vec<Call> {
        self.lock().journal.calls(endpoint, who)
    }

    /// Changes an attribute, visible in the next tokens and in userInfo. `None` removes the attribute.
    pub fn set_attribute(&self, pool_id: &str, username: &str, name: &str, value: Option<&str>) {
        self.with_user(pool_id, username, |user| match value {
            Some(value) => drop(user.attributes.insert(name.into(), value.into())),
            None => drop(user.attributes.remove(name)),
        });
    }

    /// Changes the groups, visible in the next tokens.
    pub fn set_groups(&self, pool_id: &str, username: &str, groups: &[&str]) {
        self.with_user(pool_id, username, |user| {
            user.groups = groups.iter().copied().map(String::from).collect();
        });
    }

    /// Replaces the secret of a client.
    pub fn set_client_secret(&self, client_id: &str, secret: &str) {
        assert!(self.lock().set_client_secret(client_id, secret), "no client {client_id}");
    }

    /// Revokes all of a user's tokens, as a global sign-out does. The session of the pages stays.
    pub fn revoke_all(&self, pool_id: &str, username: &str) {
        self.lock().grants.revoke_all(pool_id, username);
    }

    fn with_user(&self, pool_id: &str, username: &str, change: impl FnOnce(&mut crate::User)) {
        let mut cognito = self.lock();
        let user = cognito.pool_mut(pool_id).and_then(|pool| pool.user_mut(username));
        change(user.unwrap_or_else(|| panic!("no user {username} in pool {pool_id}")));
    }

    fn lock(&self) -> MutexGuard<'_, Cognito> {
        http::lock(&self.cognito)
    }
}

impl Drop for StandIn {
    /// Waits for the thread, so that the ports are free again.
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Where a browser on this machine reaches an address: one that stands for all of the machine's has no URL.
fn url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        return format!("http://localhost:{}", address.port());
    }
    format!("http://{address}")
}

fn asynchronous(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}
