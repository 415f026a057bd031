//! CREATE, LINK, READLINK, REMOVE, RENAME.

use crate::nfs4::{Bitmap4, ChangeInfo4, Component4, Fattr4, Linktext4, Specdata4};
use crate::xdr::{xdr_struct, xdr_union};

xdr_union! {
    /// `createtype4`. Types that CREATE doesn't make can be asked for all the same; the answer is
    /// NFS4ERR_BADTYPE.
    pub enum Createtype4<'a> {
        Reg = 1,
        Dir = 2,
        Blk(Specdata4) = 3,
        Chr(Specdata4) = 4,
        Lnk(Linktext4<'a>) = 5,
        Sock = 6,
        Fifo = 7,
        AttrDir = 8,
        NamedAttr = 9,
    }
}

xdr_struct! {
    /// `CREATE4args` (RFC 8881 §18.4).
    pub struct CreateArgs<'a> {
        pub objtype: Createtype4<'a>,
        pub objname: Component4<'a>,
        pub createattrs: Fattr4<'a>,
    }
}

xdr_struct! {
    /// `CREATE4resok`.
    #[derive(Copy)]
    pub struct CreateResOk { pub cinfo: ChangeInfo4, pub attrset: Bitmap4 }
}

xdr_struct! {
    /// `LINK4args` (RFC 8881 §18.9).
    #[derive(Copy)]
    pub struct LinkArgs<'a> { pub newname: Component4<'a> }
}

xdr_struct! {
    /// `LINK4resok`, and `REMOVE4resok`.
    #[derive(Copy)]
    pub struct ChangeResOk { pub cinfo: ChangeInfo4 }
}

xdr_struct! {
    /// `READLINK4resok` (RFC 8881 §18.24).
    #[derive(Copy)]
    pub struct ReadlinkResOk<'a> { pub link: Linktext4<'a> }
}

xdr_struct! {
    /// `REMOVE4args` (RFC 8881 §18.25).
    #[derive(Copy)]
    pub struct RemoveArgs<'a> { pub target: Component4<'a> }
}

xdr_struct! {
    /// `RENAME4args` (RFC 8881 §18.26).
    #[derive(Copy)]
    pub struct RenameArgs<'a> { pub oldname: Component4<'a>, pub newname: Component4<'a> }
}

xdr_struct! {
    /// `RENAME4resok`.
    #[derive(Copy)]
    pub struct RenameResOk { pub source_cinfo: ChangeInfo4, pub target_cinfo: ChangeInfo4 }
}
