//! The console page in a headless Chromium. What is checked is in `integration/api/console.py`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use localefs_integration::aws::Endpoint;
use localefs_integration::client::{ClientOptions, Session};

fn check(name: &str) -> Result<()> {
    Endpoint::start(&[])?.check("console.py", name).map(drop)
}

#[test]
fn at_first_the_console_says_what_to_do() -> Result<()> {
    check("empty")
}

#[test]
fn the_network_is_drawn_and_two_picked_things_are_explained() -> Result<()> {
    check("network")
}

#[test]
fn more_than_fifty_mount_targets_fit() -> Result<()> {
    check("many")
}

#[test]
fn connected_clients_show_with_their_users_and_operations() -> Result<()> {
    let server = Endpoint::start(&[])?;
    let hostile = "<img src=x onerror='window.hostile=1'><b>owner</b>";
    let mut session = Session::establish(server.nfs()?, &ClientOptions::new(hostile))?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                session.as_user(1001, 2001).putrootfh().getfh().ok();
                session.as_user(1002, 2002).putrootfh().ok();
                thread::sleep(Duration::from_millis(10));
            }
        });
        let said = server.check("console.py", "clients");
        over.store(true, Ordering::Relaxed);
        said.map(drop)
    })
}

#[test]
fn beyond_loopback_the_console_wants_the_root_users_key() -> Result<()> {
    check("beyond")
}

#[test]
fn no_other_page_gets_at_the_console() -> Result<()> {
    check("guarded")
}
