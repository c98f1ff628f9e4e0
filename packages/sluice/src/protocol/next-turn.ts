/** Resolves once the event loop has handled all that it has received by now, requests on other connections among it. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
