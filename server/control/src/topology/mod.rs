//! The network as it is at first start, and where addresses in it are served on this machine.

mod addresses;
mod first;
mod zones;

pub use addresses::{choose_address, is_usable, mirror};
pub(crate) use first::all_out;
pub use first::{OPEN_GROUP, first_topology};
pub use zones::{Zone, zone, zone_by_name, zones};
