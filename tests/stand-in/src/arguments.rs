//! The arguments of the program.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::{Client, Config, Pool, User};

pub const USAGE: &str = "\
usage: stand-in [--config FILE | POOL...] [ADDRESSES]

Without a configuration, it serves the demo's pool: jsmith / The@Password.

POOL, for one or more pools without a file; each option belongs to the pool, client or user before it:
  --pool ID               a user pool, such as us-east-1_Example
  --client ID[:SECRET]    an app client of the pool; without a secret, a public one
  --callback URL          a callback URL of the client; `*` stands for any port
  --sign-out URL          a sign-out URL of the client
  --user NAME:PASSWORD    a user of the pool
  --group NAME            a group of the user
  --attribute NAME=VALUE  an attribute of the user, such as email=jane@example.com
  --hint                  the sign-in page names the users and their passwords

ADDRESSES:
  --listen IP             instead of 127.0.0.1, the loopback address
  --domain ADDRESS        the pages and /oauth2/..., at IP:PORT instead of port 9230
  --idp ADDRESS           key sets and the API, instead of port 9231
  --admin ADDRESS         the admin page; without this, there is none
  --domain-url URL        where browsers reach the domain, if that isn't where it listens
  --idp-url URL           what the issuers begin with, likewise

Anybody who reaches it can sign in as anybody, so it is for tests alone.";

/// What the program is told to serve, and where.
#[derive(Debug)]
pub struct Arguments {
    pub config: Config,
    pub domain: SocketAddr,
    pub idp: SocketAddr,
    pub admin: Option<SocketAddr>,
}

impl Arguments {
    /// Reads the arguments after the program's name. The error says which one is wrong.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let (mut file, mut own) = (None, Config::default());
        let (mut listen, mut domain, mut idp, mut admin) =
            (IpAddr::from(Ipv4Addr::LOCALHOST), None, None, None);
        while let Some(name) = arguments.next() {
            if name == "--hint" {
                own.show_hint = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name}: a value is missing, or unknown"))?;
            match name.as_str() {
                "--config" => file = Some(value),
                "--listen" => listen = parsed(&name, &value)?,
                "--domain" => domain = Some(parsed(&name, &value)?),
                "--idp" => idp = Some(parsed(&name, &value)?),
                "--admin" => admin = Some(parsed(&name, &value)?),
                "--domain-url" => own.domain_url = Some(value),
                "--idp-url" => own.idp_url = Some(value),
                _ => add(&mut own.pools, &name, &value)?,
            }
        }
        let read = match file {
            Some(_) if !own.pools.is_empty() => return Err("--config and --pool exclude each other".into()),
            Some(file) => from_file(&file)?,
            None if own.pools.is_empty() => Config::demo(),
            None => Config::new(std::mem::take(&mut own.pools)),
        };
        let config = Config {
            show_hint: read.show_hint || own.show_hint,
            domain_url: own.domain_url.or(read.domain_url),
            idp_url: own.idp_url.or(read.idp_url),
            ..read
        };
        config.check()?;
        let at = |port| SocketAddr::new(listen, port);
        Ok(Self { config, domain: domain.unwrap_or(at(9230)), idp: idp.unwrap_or(at(9231)), admin })
    }
}

fn from_file(file: &str) -> Result<Config, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    Config::from_json(&text).map_err(|error| format!("{file}: {error}"))
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|error| format!("{name} {value}: {error}"))
}

/// Adds to the last pool, and to its last client or user.
fn add(pools: &mut Vec<Pool>, name: &str, value: &str) -> Result<(), String> {
    if name == "--pool" {
        pools.push(Pool::new(value));
        return Ok(());
    }
    let known = ["--client", "--callback", "--sign-out", "--user", "--group", "--attribute"];
    if !known.contains(&name) {
        return Err(format!("{name}: there is no such option"));
    }
    let pool = pools.last_mut().ok_or_else(|| format!("{name}: --pool must come before it"))?;
    let lacks = |what: &str| format!("{name}: {what} must come before it");
    match name {
        "--client" => {
            let (id, secret) = value.split_once(':').map_or((value, None), |(id, secret)| (id, Some(secret)));
            pool.clients.push(Client { secret: secret.map(String::from), ..Client::new(id) });
        }
        "--user" => {
            let (username, password) =
                value.split_once(':').ok_or_else(|| format!("{name} {value}: NAME:PASSWORD is needed"))?;
            pool.users.push(User::new(username, password));
        }
        "--callback" | "--sign-out" => {
            let client = pool.clients.last_mut().ok_or_else(|| lacks("--client"))?;
            let urls = if name == "--callback" { &mut client.callback_urls } else { &mut client.logout_urls };
            urls.push(value.into());
        }
        _ => {
            let user = pool.users.last_mut().ok_or_else(|| lacks("--user"))?;
            match (name, value.split_once('=')) {
                ("--group", _) => user.groups.push(value.into()),
                (_, Some((attribute, value))) => drop(user.attributes.insert(attribute.into(), value.into())),
                (_, None) => return Err(format!("{name} {value}: NAME=VALUE is needed")),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, String> {
        Arguments::read(line.split_whitespace().map(String::from))
    }

    #[test]
    fn it_serves_the_demo_on_this_machine_alone_and_without_an_admin_page_unless_told_otherwise() {
        let plain = read("").unwrap();
        assert_eq!(plain.config.pools[0].id, "us-east-1_UFeMzbuJe");
        assert_eq!((plain.domain, plain.idp, plain.admin), (local(9230), local(9231), None));
        let told = read("--listen 0.0.0.0 --idp 127.0.0.1:7000 --admin 127.0.0.1:9233").unwrap();
        assert_eq!(told.domain, ([0, 0, 0, 0], 9230).into());
        assert_eq!((told.idp, told.admin), (local(7000), Some(local(9233))));
    }

    fn local(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn options_describe_a_pool() {
        let line = "--pool eu-west-1_A --client web:s:e --callback http://localhost:*/cb --sign-out http://localhost:*/out \
            --client spa --user jane:p:w --group a --group b --attribute email=j=@example.com --user joe:x --hint \
            --domain-url http://localhost:1 --idp-url http://localhost:2";
        let Arguments { config, .. } = read(line).unwrap();
        let pool = &config.pools[0];
        let (web, spa, jane) = (&pool.clients[0], &pool.clients[1], &pool.users[0]);
        assert_eq!((web.secret.as_deref(), &spa.secret), (Some("s:e"), &None));
        assert_eq!(web.callback_urls, ["http://localhost:*/cb"]);
        assert_eq!(web.logout_urls, ["http://localhost:*/out"]);
        assert_eq!((jane.password.as_str(), pool.users[1].username.as_str()), ("p:w", "joe"));
        assert_eq!(jane.groups, ["a", "b"]);
        assert_eq!(jane.attributes["email"], "j=@example.com");
        assert!(config.show_hint);
        assert_eq!(config.domain_url.as_deref(), Some("http://localhost:1"));
        assert_eq!(config.idp_url.as_deref(), Some("http://localhost:2"));
    }

    #[test]
    fn a_wrong_option_is_named() {
        for (line, problem) in [
            ("--nonsense x", "--nonsense: there is no such option"),
            ("--pool", "--pool: a value is missing, or unknown"),
            ("--client web", "--client: --pool must come before it"),
            ("--pool p --callback u", "--callback: --client must come before it"),
            ("--pool p --group g", "--group: --user must come before it"),
            ("--pool p --user jane", "--user jane: NAME:PASSWORD is needed"),
            ("--pool p --user j:p --attribute email", "--attribute email: NAME=VALUE is needed"),
            ("--pool p --pool p", "pool id \"p\" is empty, not a path segment or not unique"),
            ("--pool p --user j:p --user j:q", "pool p: user \"j\" is not unique"),
            ("--pool p --config f", "--config and --pool exclude each other"),
            ("--domain 9230", "--domain 9230: invalid socket address syntax"),
        ] {
            assert_eq!(read(line).unwrap_err(), problem, "{line}");
        }
        assert!(read("--config missing.json").unwrap_err().starts_with("missing.json: "));
    }
}
