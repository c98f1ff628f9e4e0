/**
 * The lane of a document: the last four bytes of its superclass id, else of its own referentialId, modulo the number
 * of lanes. Two documents that exclude each other always share a lane, so their creations are serialized. Examples
 * are the same identity, or a school and a district with one number. With 16 lanes, the lane is the last hex digit of
 * the id.
 */
export function laneOf(referentialId: string, superclassId: string | null, lanes: number): number {
  return Number.parseInt((superclassId ?? referentialId).slice(-8), 16) % lanes;
}
