// The students of each school, in a table of your own:
//   create table app.enrollment (document_id uuid primary key, school_id bigint not null, student_id text not null);

const ids = (documents) => documents.map(({ documentId }) => documentId).sort();

export const enrollment = {
  name: 'enrollment',
  version: 1,
  resources: ['sample/enrollments'],

  async apply({ created, updated, deleted }, transaction) {
    await transaction.query('delete from app.enrollment where document_id = any($1::uuid[])', [ids(deleted)]);
    await transaction.query(
      `insert into app.enrollment (document_id, school_id, student_id)
       select document_id, (body #>> '{schoolReference,schoolId}')::bigint, body ->> 'studentId'
       from sluice.document where document_id = any($1::uuid[])
       order by document_id
       on conflict (document_id) do update set school_id = excluded.school_id, student_id = excluded.student_id`,
      [ids([...created, ...updated])],
    );
  },

  async listDocuments(after, limit, transaction) {
    const rows = await transaction.query(
      'select document_id from app.enrollment where $1::uuid is null or document_id > $1 order by document_id limit $2',
      [after, limit],
    );
    return rows.map((row) => row.document_id);
  },
};
