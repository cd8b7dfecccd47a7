// The "not found" page.
import Link from "next/link";

export default function NotFound() {
  return (
    <div className="panel flex flex-col items-center gap-3 px-6 py-12 text-center">
      <h1 className="text-lg font-semibold">Page not found</h1>
      <p className="text-muted">There is no page at this address.</p>
      <Link href="/" className="button-primary">
        Go to the tasks
      </Link>
    </div>
  );
}
