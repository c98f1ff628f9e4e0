-- Keys by which clients say who they are, where no identity provider does. The key itself is kept nowhere.
create table sluice.api_key (
  prefix text collate "C" not null,
  hash bytea not null,
  client text collate "C" not null,
  scopes text[] not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  revoked_at timestamptz,
  constraint api_key_pkey primary key (prefix),
  constraint hash_is_sha256 check (octet_length(hash) = 32),
  constraint key_belongs_to_a_client check (client <> '')
);
