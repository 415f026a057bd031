//! Power cuts under a server that works.

use std::io::Write;

use anyhow::Result;
use localefs_integration::bench::amount;
use localefs_integration::power::model::{Fault, Owners, Violation};
use localefs_integration::power::{Cuts, Kind, Syncs, seed};

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
        amount(2, 8),
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
