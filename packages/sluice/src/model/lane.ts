/**
 * The lane of a document: the last four bytes of its superclass id, else of its own referentialId, modulo the number
 * of lanes. Two documents that may not both exist (the same identity; a school and a district with one number) always
 * share a lane, so their creations serialise instead of racing. With 16 lanes it is the id's last hex digit.
 */
export function laneOf(referentialId: string, superclassId: string | null, lanes: number): number {
  return Number.parseInt((superclassId ?? referentialId).slice(-8), 16) % lanes;
}
