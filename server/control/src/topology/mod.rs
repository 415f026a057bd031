//! The network as it is at first start, and where addresses in it are served on this machine.

mod addresses;
mod first;
mod make;
mod zones;

pub use addresses::{choose_address, is_usable, mirror};
pub(crate) use first::{FirstTopology, put_default_vpc};
pub use first::{OPEN_GROUP, first_topology};
pub(crate) use make::{all_out, new_acl, put_subnet, put_vpc};
pub use zones::{Zone, zone, zone_by_name, zones};
