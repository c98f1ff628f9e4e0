// Faults that somebody could make in the plan. The property has to notice all of them.

import { always, assign, compare, drop, give, never, omit, swap, when } from './edits.ts';
import { at, type Mutant } from './mutant.ts';

export const planMutants: Mutant[] = [
  ['defers nothing behind a tentative write', at('applyAll', never('tentative'))],
  ['accepts references that exist nowhere', at('applyWrite', never('unresolved'))],
  [
    'finds the least set: a reference must arrive before its referrer',
    at('referenceStateOf', compare('<', 'provider', 'index')),
  ],
  ['does not take the dependants of a refused write out', at('planTogether', assign('changed', 'false'))],
  ['refuses the dependants of a deferred write', at('takeOut', always('isOpen'))],
  ['does not see that a superclass identity is provided', at('providersOf', omit('superclassId'))],
  ['ignores If-Match', at('applyWrite', never('ifMatch', 'contentHash'))],
  [
    'judges If-Match by what is stored, not step by step',
    at(
      'applyWrite',
      when('write.ifMatch !== (target.base?.contentHash ?? target.contentHash)', 'ifMatch', 'contentHash'),
    ),
  ],
  [
    'counts one version for all writes of a batch',
    at('World/replace', assign('version', '(state.base?.version ?? 0) + 1')),
  ],
  ['keeps the first body of a batch', at('World/replace', assign('bodyOf', 'state.bodyOf ?? write.writeId'))],
  ['updates what is unchanged', at('applyWrite', never('contentHash', 'renames'))],
  ['does not compare superclass identities', at('applyWrite', omit('superclassId'))],
  ['forgets superclass identities given in the batch', at('World/#own', drop('superclassId'))],
  [
    'orders twins of one superclass as if they were strangers',
    at('orderKeysOf', drop('write', 'superclassId')),
  ],
  ['orders writes by identity only, not by document id', at('orderKeysOf', omit('documentId'))],
  [
    'orders writes by the identity that they give, not by the one that the document has',
    at('orderKeysOf', drop('document', 'referentialId')),
  ],
  ['deletes without looking at referrers', at('applyDelete', never('referrers', 'isWritten'))],
  ['deletes what a write of the batch mentions', at('applyDelete', never('referenceIds'))],
  ['deletes what a write of the batch mentions by its superclass', at('applyDelete', never('superclassId'))],
  ['deletes what a document refers to that is written in the batch', at('applyDelete', never('refers'))],
  ['lets writes follow a delete in one batch', at('applyAll', never('deleted'))],
  ['answers a key without comparing the request', at('replay', never('fingerprint'))],
  ['forgets keys used in the same batch', at('applyAll', drop('keysSettled', 'set'))],
  ['forgets keys used in earlier batches', at('applyAll', swap('facts.keys.get(key)', 'undefined'))],
  ['binds a key twice', at('gather', always('facts', 'keys'))],
  ['overtakes blocked writes of earlier batches', at('applyAll', never('blocker', 'null'))],
  [
    'lets a blocked write stop those that arrived before it',
    at('blockerOf', compare('>', 'blocker', 'position')),
  ],
  ['overtakes writes that are blocked or deferred in the same batch', at('applyAll', never('each'))],
  ['refuses what waits for a write elsewhere', at('reference-state/mayWait', never('pending'))],
  ['changes an identity among neighbours', at('planTogether', always('changesIdentity'))],
  [
    'changes an identity before what the document refers to has come',
    at('planTogether', swap('provider ?? index', 'index')),
  ],
  [
    'lets a document keep a reference to the identity that it gives up',
    at('referenceStateOf', always('owner', 'givenUp')),
  ],
  ['changes an identity that the model fixes', at('applyWrite', never('renames', 'allowsIdentityUpdate'))],
  ['leaves a cycle of deferred writes as it is', at('aloneOf', always('verdicts', 'length'))],
  [
    'breaks a cycle at the first to arrive, whoever is behind whom',
    at('aloneOf', give('gives', 'undefined')),
  ],
  ['leaves references of the old content', at('World/changes', when('after.size === 0', 'after', 'has'))],
  [
    'adds no references to a document that had some',
    at('World/changes', when('before.size === 0', 'before', 'has')),
  ],
  ['adds references that are there already', at('World/changes', always('before', 'has'))],
];
