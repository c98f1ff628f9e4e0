/** Runs over the real documents of the Ed-Fi sample district, where they are at hand. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeDocument } from 'sluice/model';
import { readModel } from './model-format.ts';
import { edFiPath, isAbsent } from '../../../../test/support/edfi-data.ts';

const schemaFile = edFiPath('ApiSchema.json');
/** Values found at a path, by the plainest reading of it. */
function valuesAt(document: unknown, path: string): unknown[] {
  let nodes: unknown[] = [document];
  for (const step of path.replaceAll('[*]', '.*').split('.').slice(1)) {
    nodes = nodes.flatMap((node) =>
      step === '*' ? (node as unknown[]) : ((node as Record<string, unknown>)[step] ?? []),
    );
  }
  return nodes.flat();
}

describe.skipIf(isAbsent(schemaFile))(`the documents beside ${schemaFile}`, () => {
  it.each(['2025', '2026'] as const)(
    'documents of the Ed-Fi schema have distinct identities and resolve each other in layout %s',
    async (layout) => {
      const model = await readModel(schemaFile, { referentialIdLayout: layout });
      expect(model.resources).toHaveLength(340);
      const folder = edFiPath('documents');
      const lines = readdirSync(folder).flatMap((file) =>
        readFileSync(join(folder, file), 'utf8').trim().split('\n'),
      );
      const described = lines.map((line) => {
        const { endpoint, document } = JSON.parse(line) as { endpoint: string; document: unknown };
        const resource = model.findEndpoint(endpoint)!;
        const places = resource.references.flatMap(({ paths: [first] }) =>
          valuesAt(document, first?.path ?? ''),
        ).length;
        return { places, ...describeDocument(resource, document) };
      });
      expect(described).toHaveLength(17_912);

      const own = new Set(described.map(({ referentialId }) => referentialId));
      expect(own.size).toBe(described.length);
      const aliases = new Set([...own, ...described.flatMap(({ superclassId }) => superclassId ?? [])]);
      const references = described.flatMap((document) => document.references);
      expect(references.filter(({ referentialId }) => !aliases.has(referentialId))).toEqual([]);

      // 51,691 places in documents; five of them repeat a reference that their document has elsewhere.
      expect(described.reduce((sum, { places }) => sum + places, 0)).toBe(51_691);
      expect(references).toHaveLength(51_686);
    },
  );
});
