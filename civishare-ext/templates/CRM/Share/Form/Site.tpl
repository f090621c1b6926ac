{* What is this site? *}
<div class="crm-block crm-form-block">
  <table class="form-layout-compressed">
    {foreach from=$known item=place}
      <tr><td class="label">{ts domain="civishare"}Known place{/ts}</td><td><code>{$place.url|escape}</code>, {ts domain="civishare"}database{/ts} <code>{$place.database|escape}</code>, <code>{$place.folder|escape}</code></td></tr>
    {/foreach}
    <tr><td class="label">{ts domain="civishare"}Where it is now{/ts}</td><td><code>{$here.url|escape}</code>, {ts domain="civishare"}database{/ts} <code>{$here.database|escape}</code>, <code>{$here.folder|escape}</code></td></tr>
  </table>
  {if $held}
    <div class="help">{ts domain="civishare"}This site is not where it was. If it is a copy and went on under the name of the original, each of the two would take what is meant for the other. So nothing is sent or applied until you say what it is.{/ts}</div>
    <p>{$form.what.html}</p>
    <div class="crm-submit-buttons">{include file="CRM/common/formButtons.tpl" location="bottom"}</div>
  {else}
    <div class="messages status no-popup">{ts domain="civishare"}The site is where it is known to be.{/ts}</div>
  {/if}
</div>
