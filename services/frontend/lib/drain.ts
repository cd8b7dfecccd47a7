// Letting go of connections when the server is to end.
import { Server } from "node:http";

/** How often a closing server looks for connections that have become idle, in milliseconds. */
const EVERY = 100;

/**
 * Makes a server that closes let go of each connection once its answer is sent. Node closes those that
 * are idle at that very moment; one that is just sending is kept open afterwards, as long as its client
 * likes, and the process with it.
 */
export function letGoOnClose(): void {
  const close = Server.prototype.close;
  Server.prototype.close = function (this: Server, done?: (error?: Error) => void) {
    const timer = setInterval(() => this.closeIdleConnections(), EVERY);
    return close.call(this, (error) => {
      clearInterval(timer);
      done?.(error);
    });
  };
}
