// Closes connections when the server shuts down.
import { Server } from "node:http";

/** Milliseconds between two checks for idle connections during shutdown. */
const EVERY = 100;

/**
 * During shutdown, closes each connection once its response is sent. Node.js closes only connections that are
 * idle at that moment; a connection that is sending would stay open, and keep the process running, until its
 * client closes it.
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
