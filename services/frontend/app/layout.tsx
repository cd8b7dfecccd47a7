// What every page has around it.
import type { Metadata, Viewport } from "next";
import { connection } from "next/server";
import type { ReactNode } from "react";
import { Header } from "@/components/Header";
import { accountsOn } from "@/lib/auth/config";
import { person } from "@/lib/auth/session";
import { appTitle } from "@/lib/config";
import "./globals.css";

export async function generateMetadata(): Promise<Metadata> {
  // Not before there is a request: the title is the running server's, and not the build's.
  await connection();
  return { title: appTitle(), description: "Your tasks, in one place." };
}

export const viewport: Viewport = {
  colorScheme: "light dark",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#ffffff" },
    { media: "(prefers-color-scheme: dark)", color: "#1a1d1c" },
  ],
};

export default async function RootLayout({ children }: { children: ReactNode }) {
  await connection();
  // A page says itself that the accounts are away; the bar goes without them.
  const email = (await person().catch(() => null))?.email;
  return (
    <html lang="en" data-accounts={accountsOn() ? "on" : "off"}>
      <body>
        <a href="#main" className="skip-link">
          Skip to content
        </a>
        <Header title={appTitle()} email={email} />
        <main id="main" className="shell py-8 sm:py-12">
          {children}
        </main>
      </body>
    </html>
  );
}
