-- Trunks that want us to register with them, as a phone would.

alter table trunks
    add column register boolean not null default false,
    add constraint trunks_register check (
        not register or (target is not null and username is not null and password is not null)
    );
