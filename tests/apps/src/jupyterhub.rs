//! JupyterHub, with a person's own server and a kernel, whose channels are a WebSocket.

use std::time::Duration;

use rig::{Browser, Load};
use serde_json::{Value, json};

use crate::app::{Place, installed};
use crate::page::section;
use crate::site::{ADMIN, ORIGIN, Site};
use crate::socket::{open, says};
use crate::story::{Seen, Story};

pub fn run() {
    let section = section("JupyterHub");
    let place = Place::new();
    let (folder, port, api, hub) = (place.folder(), place.port, rig::free_port(), rig::free_port());
    let bin = installed("jupyterhub/bin").display().to_string();
    let (node, proxy) = (
        installed("npm/node"),
        installed("npm/node_modules/configurable-http-proxy/bin/configurable-http-proxy"),
    );
    let own = format!(
        "{}\nc.JupyterHub.bind_url = 'http://127.0.0.1:{port}'\nc.JupyterHub.hub_port = {hub}\n\
         c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{api}'\n\
         c.ConfigurableHTTPProxy.command = ['{}', '{}']\n\
         c.JupyterHub.db_url = 'sqlite:///{folder}/hub.db'\nc.JupyterHub.cookie_secret_file = '{folder}/secret'\n\
         c.ConfigurableHTTPProxy.pid_file = '{folder}/proxy.pid'\n\
         from jupyterhub.spawner import SimpleLocalProcessSpawner\n\
         c.JupyterHub.spawner_class = SimpleLocalProcessSpawner\n\
         c.SimpleLocalProcessSpawner.home_dir_template = '{folder}/{{username}}'\n\
         c.Spawner.cmd = ['{bin}/jupyterhub-singleuser']\nc.Spawner.args = ['--allow-root']\n\
         c.Spawner.start_timeout = 240\nc.Spawner.http_timeout = 240\n",
        section.app,
        node.display(),
        proxy.display()
    );
    let config = place.write("jupyterhub_config.py", &own);
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    let app = place.env("PATH", &path).start(&installed("jupyterhub/bin/jupyterhub"), &["--config", &config]);
    let site = Site::new(app, &section.filter);
    let forged = vec![("X-Auth-User", "jsmith"), ("X-Auth-Roles", "authp/admin")];
    Story { start: "/hub/home", forged, look }.run(&site);
    a_kernel_runs(&site);
}

fn look(browser: &mut Browser) -> Seen {
    // JupyterHub compares its session with the header once a second.
    std::thread::sleep(Duration::from_millis(1500));
    let page = browser.navigate(&format!("{ORIGIN}/hub/home")).text();
    let name = page.split("user: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    (name.to_owned(), page.contains("href=\"/hub/admin\""))
}

fn a_kernel_runs(site: &Site) {
    let mut browser = site.browser();
    site.sign_in(&mut browser, ADMIN, "/hub/home");
    browser.navigate(&format!("{ORIGIN}/hub/spawn/jsmith"));
    let lab = format!("{ORIGIN}/user/jsmith/lab");
    let is_ready = rig::eventually(Duration::from_secs(240), || {
        std::thread::sleep(Duration::from_secs(1));
        // While the server starts, the hub and the server may redirect to each other.
        let server = browser.load(Load::typed(&lab)).ok()?;
        (server.status() == 200 && server.url.starts_with(&lab)).then_some(())
    });
    assert!(is_ready.is_some(), "no server of the person's own");
    let base = "/user/jsmith/api/kernels";
    let cookies = browser.cookie_header(&format!("{ORIGIN}{base}"));
    let token = cookies
        .split("; ")
        .filter_map(|cookie| cookie.strip_prefix("_xsrf="))
        .next()
        .expect("a token")
        .to_owned();
    let load = Load::fetch(&format!("{ORIGIN}/user/jsmith/lab"), &format!("{ORIGIN}{base}"))
        .method("POST")
        .header("x-xsrftoken", &token)
        .body("application/json", "{}");
    let kernel = browser.load(load).expect("an answer").response;
    assert_eq!(kernel.status, 201, "{kernel:?}");
    let id = kernel.json()["id"].as_str().expect("an id").to_owned();
    let channels = format!("{base}/{id}/channels?session_id=story");
    let forged = [("x-auth-user", ADMIN), ("x-auth-roles", "authp/admin")];
    assert_eq!(open(site.addr, &site.browser(), &channels, &forged).err(), Some(401));
    let mut socket = open(site.addr, &browser, &channels, &[]).expect("a WebSocket");
    socket
        .send(execute("import os; print(6 * 7, os.environ['JUPYTERHUB_USER'])").to_string().into())
        .expect("sent");
    assert!(says(&mut socket, "42 jsmith"));
}

/// A message of Jupyter's protocol.
fn execute(code: &str) -> Value {
    let header = json!({ "msg_id": "1", "msg_type": "execute_request", "username": "", "session": "story", "version": "5.3" });
    json!({
        "header": header, "parent_header": {}, "metadata": {}, "channel": "shell",
        "content": { "code": code, "silent": false, "store_history": false, "user_expressions": {}, "allow_stdin": false },
    })
}
