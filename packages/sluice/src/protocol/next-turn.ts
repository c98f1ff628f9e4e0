/** Resolves when the event loop has handled all that it has received by now, including requests on other connections. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
