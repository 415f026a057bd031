//! The network as it is at first start, and where addresses in it are served on this machine.

mod addresses;
mod first;
mod make;
mod zones;

pub use addresses::{choose_address, is_usable, mirror};
pub(crate) use first::{FirstTopology, default_subnets, default_vpc, open_group, put_default_vpc};
pub use first::{OPEN_GROUP, first_topology};
pub(crate) use make::{all_out, default_group, new_acl, open_entries, put_subnet, put_vpc};
pub use zones::{Zone, zone, zone_by_name, zones};
