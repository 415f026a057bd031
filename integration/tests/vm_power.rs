//! Power cuts under a server that works.

use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use localefs_integration::bench::amount;
use localefs_integration::power::model::{Fault, Owners, Violation};
use localefs_integration::power::{
    Applications, Creations, Cuts, Kind, Site, Syncs, Writeback, mount, seed,
};
use localefs_integration::workload::{Plan, Workload, recovery, say};

/// So many cuts, and what came of them.
fn survives(kind: Kind, cuts: u32) -> Result<()> {
    let mut site = Cuts::begin(kind, seed())?;
    for _ in 0..cuts {
        site.cut(Syncs::Done)?;
    }
    let found = site.findings();
    // Not through `println`, of which nobody sees anything when a test is passed.
    writeln!(std::io::stderr(), "{kind:?}: {found}")?;
    assert!(
        found.kept > 0 && found.names > 0 && found.handles > 0,
        "hardly any load"
    );
    Ok(())
}

#[test]
fn what_was_promised_survives_power_cuts() -> Result<()> {
    let owners = Owners::Native;
    survives(
        Kind {
            owners,
            strict: false,
        },
        amount(2, 8),
    )
}

#[test]
fn what_was_promised_survives_power_cuts_with_shadow_ownership() -> Result<()> {
    let owners = Owners::Shadow;
    survives(
        Kind {
            owners,
            strict: false,
        },
        amount(1, 8),
    )
}

#[test]
fn every_name_survives_power_cuts_where_durability_is_strict() -> Result<()> {
    for owners in [Owners::Native, Owners::Shadow] {
        survives(
            Kind {
                owners,
                strict: true,
            },
            amount(1, 8),
        )?;
    }
    Ok(())
}

/// The test of these tests.
#[test]
fn a_server_whose_syncs_do_nothing_is_found_out() -> Result<()> {
    let owners = Owners::Native;
    let mut site = Cuts::begin(
        Kind {
            owners,
            strict: false,
        },
        seed(),
    )?;
    site.cut(Syncs::Ignored)?;
    for _ in 0..3 {
        let Err(error) = site.cut(Syncs::Ignored) else {
            continue;
        };
        let fault = error.downcast_ref::<Violation>().map(|found| found.fault);
        assert_eq!(fault, Some(Fault::Lost), "{error:#}");
        return Ok(());
    }
    anyhow::bail!("nobody noticed: {:?}", site.findings())
}

/// Both in the long form, and this one in the short.
fn owners(short: Owners) -> Vec<Owners> {
    match amount(1, 2) {
        1 => vec![short],
        _ => vec![Owners::Native, Owners::Shadow],
    }
}

/// What applications on a kernel's mount were told, when their machine has no power either.
fn keeps_what_applications_were_told(kind: Kind, cuts: u32) -> Result<()> {
    let mut applications = Applications::begin(kind, seed())?;
    for _ in 0..cuts {
        applications.cut(Syncs::Done)?;
    }
    let found = applications.found();
    say(&format!("applications, {kind:?}: {found}"));
    ensure!(found.octets > 0 && found.names > 0, "hardly any load");
    Ok(())
}

#[test]
fn what_applications_synced_survives_power_cuts() -> Result<()> {
    for owners in owners(Owners::Native) {
        let kind = Kind {
            owners,
            strict: false,
        };
        keeps_what_applications_were_told(kind, amount(1, 8))?;
    }
    Ok(())
}

#[test]
fn every_step_of_applications_survives_power_cuts_where_durability_is_strict() -> Result<()> {
    for owners in owners(Owners::Shadow) {
        let kind = Kind {
            owners,
            strict: true,
        };
        keeps_what_applications_were_told(kind, amount(1, 8))?;
    }
    Ok(())
}

/// Also the test of these tests.
#[test]
fn applications_find_out_a_server_whose_syncs_do_nothing() -> Result<()> {
    let kind = Kind {
        owners: Owners::Native,
        strict: false,
    };
    let mut applications = Applications::begin(kind, seed())?;
    applications.cut(Syncs::Ignored)?;
    for _ in 0..3 {
        if let Err(error) = applications.cut(Syncs::Ignored) {
            ensure!(format!("{error:#}").contains("LOST"), "{error:#}");
            return Ok(());
        }
    }
    anyhow::bail!("nobody noticed: {}", applications.found())
}

/// And the test of this test.
#[test]
fn file_systems_that_the_api_acknowledged_survive_power_cuts() -> Result<()> {
    let kind = Kind {
        owners: Owners::Native,
        strict: false,
    };
    let mut creations = Creations::begin(kind, seed())?;
    let (mut cuts, mut made) = (0, 0);
    // A slow machine may not get to make one at first.
    while cuts < amount(1, 7) || made == 0 && cuts < 4 {
        made = creations.cut(Syncs::Done)?;
        cuts += 1;
    }
    say(&format!(
        "{made} file systems were acknowledged over {cuts} power cuts"
    ));
    ensure!(made > 0, "none was made");
    creations.cut(Syncs::Ignored)?;
    for _ in 0..3 {
        if let Err(error) = creations.cut(Syncs::Ignored) {
            let error = format!("{error:#}");
            let seen = ["LOST", "state.redb is damaged"];
            ensure!(seen.iter().any(|words| error.contains(words)), "{error}");
            return Ok(());
        }
    }
    anyhow::bail!("nobody noticed that nothing was synced")
}

/// A client that keeps its power sends again what was not yet safe: nothing at all is lost, and
/// locks and open files go on.
#[test]
fn the_work_of_a_client_goes_on_over_power_cuts_where_durability_is_strict() -> Result<()> {
    for owners in owners(Owners::Native) {
        let kind = Kind {
            owners,
            strict: true,
        };
        let mut site = Site::new(kind)?;
        site.start(Syncs::Done, Writeback::Usual)?;
        let guests = [site.lab.boot("guest1")?];
        mount(&site, &guests[0])?;
        let plan = Plan {
            workers: 2,
            seed: seed() % 1_000_000_000,
            repeated: true,
            errors: &[],
        };
        let work = Workload::new(&guests, plan)?;
        let cuts = amount(1, 6);
        for _ in 0..cuts {
            work.begin()?;
            thread::sleep(Duration::from_secs(3));
            site.cut()?;
            site.start(Syncs::Done, Writeback::Usual)?;
            work.end(recovery(20))?;
        }
        let compared = work.compare(None, true)?;
        let done = work.done()?;
        say(&format!(
            "a client over {cuts} power cuts, {kind:?}: seed {}; {done}; {compared}",
            plan.seed
        ));
        ensure!(done.operations > 40 && done.added > 0, "hardly any load");
    }
    Ok(())
}
