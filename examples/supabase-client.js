// The client of Supabase, as it comes, against `sluice api --config rows.config.js`: its writes share batches, and are durable
// when they are answered. Reads go to PostgREST or to PostgreSQL.
import { PostgrestClient } from '@supabase/postgrest-js';

const db = new PostgrestClient(`${process.env.API_URL ?? 'http://127.0.0.1:8080'}/rest`);

const inserted = await db.from('orders').insert({ customer: 'ada', total: 12.5 }).select('id, paid').single();
const { id } = inserted.data;
const updated = await db.from('orders').update({ paid: true }).eq('id', id).select('paid').single();
const several = await db.from('orders').insert([
  { customer: 'bob', total: 1 },
  { customer: 'eve', total: 2 },
]);
const refused = await db.from('orders').insert({ customer: 'eve', total: -1 });
const deleted = await db.from('orders').delete().eq('id', id);
console.log(inserted.data.paid, updated.data.paid, several.status, refused.error.code, deleted.status);
